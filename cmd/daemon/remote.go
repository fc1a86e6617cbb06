package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/client"
	"issuetrail/internal/api/wire"
)

// Where the control socket is looked for, in this order, when no flag and no
// environment variable names it.
var socketPaths = []string{"/run/issuetrail/control.sock", "data/control.sock"}

// maxSecretFile bounds the files of tokens, keys and passphrases, in bytes.
const maxSecretFile = 64 << 10

// remote makes a command a client of the running daemon.
func remote(c *cobra.Command, run func(cmd *cobra.Command, d *client.Client, args []string) error) *cobra.Command {
	c.Flags().String("socket", "", "control socket of the daemon (default $ISSUETRAIL_SOCKET, "+strings.Join(socketPaths, ", ")+")")
	c.Flags().String("server", "", "URL of a daemon elsewhere, used with --token-file")
	c.Flags().String("token-file", "", "file that holds the API token for --server")
	c.MarkFlagsRequiredTogether("server", "token-file")
	c.MarkFlagsMutuallyExclusive("server", "socket")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := daemonAddress(cmd)
		if err != nil {
			return err
		}
		d, err := client.New(o)
		if err != nil {
			return wrongUsage(cmd, fmt.Errorf("--server: %w", err))
		}
		defer d.Close()
		err = run(cmd, d, args)
		if err != nil && cmd.Context().Err() != nil {
			return errors.New("interrupted; what the daemon began goes on")
		}
		return explainProblem(err)
	}
	return c
}

// daemonAddress says where the daemon is, by flags, environment and the usual places.
func daemonAddress(cmd *cobra.Command) (o client.Options, err error) {
	o.Server, _ = cmd.Flags().GetString("server")
	socket, _ := cmd.Flags().GetString("socket")
	if o.Server != "" {
		file, _ := cmd.Flags().GetString("token-file")
		text, err := readSmall(file)
		if err != nil {
			return o, fmt.Errorf("--token-file: %w", err)
		}
		o.Token = strings.TrimSpace(text)
		if o.Token == "" || len(strings.Fields(o.Token)) > 1 {
			return o, hinted(fmt.Errorf("--token-file: %s does not hold a token", file), "issuetrail token create NAME > FILE")
		}
		return o, nil
	}
	paths := socketPaths
	switch env := os.Getenv("ISSUETRAIL_SOCKET"); {
	case socket != "":
		paths = []string{socket}
	case env != "":
		paths = []string{env}
	}
	o.Socket, err = findSocket(paths)
	return o, err
}

// findSocket gives the first of the paths that a daemon answers on. Its error says how to start one,
// or, if one of them is there and closed to this user, how to get in.
func findSocket(paths []string) (string, error) {
	for _, path := range paths {
		conn, err := net.DialTimeout("unix", path, time.Second)
		switch {
		case err == nil:
			return path, conn.Close()
		case errors.Is(err, fs.ErrPermission):
			return "", hinted(fmt.Errorf("the control socket %s is not open to this user", path),
				"run this as the daemon's user or as root, or with --server URL --token-file FILE")
		case errors.Is(err, syscall.EINVAL):
			return "", fmt.Errorf("the control socket %s: the path is too long; 107 bytes are possible", path)
		}
	}
	return "", hinted(fmt.Errorf("no daemon answers on %s", strings.Join(paths, " or ")),
		"start one: issuetrail serve --config config.yaml   (or: systemctl start issuetrail)\n"+
			"      or say where it is: --socket <data_dir>/control.sock, or --server URL --token-file FILE")
}

// explainProblem adds to what the daemon says what mends it.
func explainProblem(err error) error {
	var p *wire.Problem
	var final *exitError
	switch {
	case errors.As(err, &final):
		return err
	case errors.Is(err, client.ErrNoDaemon):
		text, _, _ := strings.Cut(err.Error(), ";") // the rest is about this machine
		return hinted(errors.New(text), "is it running there, and can its server.listen be reached from here?")
	case !errors.As(err, &p):
		return err
	case p.Code == "unauthorized":
		return hinted(errors.New("the daemon does not know the token in --token-file"),
			"make one on the daemon's machine: issuetrail token create NAME --role viewer")
	case p.Code == "forbidden" && p.Hint == "":
		return hinted(p, "make a token on the daemon's machine: issuetrail token create NAME --role admin")
	}
	return hinted(p, p.Hint)
}

// readSmall reads a text file of a size that a key, a passphrase or a token may have.
func readSmall(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Size() > maxSecretFile || info.IsDir() {
		return "", fmt.Errorf("%s: a folder, or larger than %d bytes", path, maxSecretFile)
	}
	text, err := os.ReadFile(path)
	return string(text), err
}
