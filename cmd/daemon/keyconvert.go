package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/keystore"
)

// A conversion is what `issuetrail key convert --json` prints.
type conversion struct {
	Type          string `json:"type"`
	Bits          int    `json:"bits"`
	Fingerprint   string `json:"fingerprint"`
	PublicKey     string `json:"public_key"`
	ConvertedFrom string `json:"converted_from"` // "openssh", "pkcs8", "putty", or "" for PKCS#1
	Warning       string `json:"warning"`
	Out           string `json:"out"` // file that it was written to
}

// keyConvert is `issuetrail key convert FILE`. It works without a daemon.
func keyConvert() *cobra.Command {
	c := &cobra.Command{
		Use: "convert FILE", Short: "Writes the key of FILE as RSA PEM, without installing it", Args: cobra.ExactArgs(1),
		Long: "Writes the key of FILE as RSA PEM (PKCS#1), mode 0600 and without a passphrase, and installs nothing.\n\n" +
			"FILE is RSA as PKCS#1, PKCS#8, OpenSSH or PuTTY (.ppk, version 2 or 3), plain or encrypted, however mail or an\n" +
			"editor changed its lines. A file that exists is never written over.",
	}
	c.Flags().String("out", "", "file to write, - = stdout (default FILE.pem, of x.ppk x.pem)")
	c.Flags().String("passphrase-file", "", "file that holds the passphrase of FILE")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		out, _ := cmd.Flags().GetString("out")
		if out == "" {
			out = strings.TrimSuffix(args[0], ".ppk") + ".pem"
		}
		if out == "-" && asJSON(cmd) {
			return usage(errors.New("--json never holds a private key: name a file with --out, or leave --json out"))
		}
		in, err := newKey(cmd, args[0])
		if err != nil {
			return &exitError{exitConfig, err}
		}
		key, err := keystore.Convert([]byte(in.PrivateKey), []byte(in.Passphrase), args[0])
		if err != nil {
			return &exitError{exitConfig, fmt.Errorf("%s: %w", args[0], err)}
		}
		defer clear(key.PEM)
		if out == "-" {
			tellConversion(cmd.ErrOrStderr(), key, "stdout")
			_, err = cmd.OutOrStdout().Write(key.PEM)
			return err
		}
		if err := writeNew(out, key.PEM); err != nil {
			return err
		}
		return printConversion(cmd, key, out)
	}
	return withConfig(c)
}

// writeNew writes a file that only its owner can read, and that did not exist.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return hinted(fmt.Errorf("%s exists already", path), "name another file with --out")
	} else if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func printConversion(cmd *cobra.Command, key keystore.Converted, out string) error {
	if asJSON(cmd) {
		i := key.Info
		return printJSON(cmd.OutOrStdout(), conversion{i.Type, i.Bits, i.Fingerprint, i.PublicKey, key.From, i.Warning, out})
	}
	tellConversion(cmd.ErrOrStderr(), key, out)
	fmt.Fprintln(cmd.OutOrStdout(), key.Info.PublicKey)
	return nil
}

// tellConversion says what was written, to a person.
func tellConversion(w io.Writer, key keystore.Converted, out string) {
	from := key.From
	if from == "" {
		from = "pkcs1"
	}
	fmt.Fprintf(w, "%s, %d bits, %s, from %s, written to %s\n", strings.ToUpper(key.Info.Type), key.Info.Bits, key.Info.Fingerprint, from, out)
	if key.Info.Warning != "" {
		fmt.Fprintln(w, "Warning:", key.Info.Warning)
	}
	fmt.Fprintln(w, "Warning: what was written has no passphrase; who can read it has the key.")
}

// portable makes a key that is not UTF-8, and so would not survive JSON, into PEM here. It
// says what the key was.
func portable(in *wire.NewKey, file string) (from *string, err error) {
	if utf8.ValidString(in.PrivateKey) {
		return nil, nil
	}
	key, err := keystore.Convert([]byte(in.PrivateKey), []byte(in.Passphrase), file)
	if err != nil {
		return nil, err
	}
	defer clear(key.PEM)
	in.PrivateKey, in.Passphrase = string(key.PEM), ""
	return &key.From, nil
}
