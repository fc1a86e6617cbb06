package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/client"
	"issuetrail/internal/api/wire"
)

// Where the control socket is looked for, in this order, when no flag and no
// environment variable names it.
var socketPaths = []string{"/run/issuetrail/control.sock", "data/control.sock"}

// remote makes a command a client of the running daemon.
func remote(c *cobra.Command, run func(cmd *cobra.Command, d *client.Client, args []string) error) *cobra.Command {
	c.Flags().String("socket", "", "control socket of the daemon (default $ISSUETRAIL_SOCKET, "+strings.Join(socketPaths, ", ")+")")
	c.Flags().String("server", "", "URL of a daemon elsewhere, used with --token-file")
	c.Flags().String("token-file", "", "file that holds the API token for --server")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := daemonAddress(cmd)
		if err != nil {
			return err
		}
		d, err := client.New(o)
		if err != nil {
			return usage(err)
		}
		defer d.Close()
		return explainProblem(run(cmd, d, args), o)
	}
	return c
}

// daemonAddress says where the daemon is, by flags, environment and the usual places.
func daemonAddress(cmd *cobra.Command) (client.Options, error) {
	var o client.Options
	o.Server, _ = cmd.Flags().GetString("server")
	o.Socket, _ = cmd.Flags().GetString("socket")
	file, _ := cmd.Flags().GetString("token-file")
	switch {
	case o.Server != "" && file == "":
		return o, usage(errors.New("--server needs --token-file"))
	case o.Server == "" && file != "":
		return o, usage(errors.New("--token-file goes with --server"))
	case o.Server != "":
		token, err := os.ReadFile(file)
		if err != nil {
			return o, usage(fmt.Errorf("--token-file: %w", err))
		}
		o.Token = strings.TrimSpace(string(token))
		return o, nil
	}
	if o.Socket == "" {
		o.Socket = os.Getenv("ISSUETRAIL_SOCKET")
	}
	for _, path := range socketPaths {
		if o.Socket != "" {
			break
		}
		if _, err := os.Stat(path); err == nil {
			o.Socket = path
		}
	}
	if o.Socket == "" {
		o.Socket = socketPaths[len(socketPaths)-1]
	}
	return o, nil
}

// explainProblem turns what the daemon, or its absence, says into a text with the mend.
func explainProblem(err error, o client.Options) error {
	var p *wire.Problem
	switch {
	case err == nil:
		return nil
	case errors.Is(err, client.ErrNoDaemon):
		where := o.Socket
		if o.Server != "" {
			where = o.Server
		}
		return fmt.Errorf("no daemon answers on %s\nstart one: issuetrail serve --config config.yaml   (or: systemctl start issuetrail)\n"+
			"or say where it is: --socket <data_dir>/control.sock, or --server URL --token-file FILE", where)
	case errors.As(err, &p) && p.Hint != "":
		return fmt.Errorf("%s\n%s", p.Error(), p.Hint)
	}
	return err
}
