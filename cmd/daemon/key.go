package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/client"
	"issuetrail/internal/api/wire"
)

// maxKeyFile bounds a private key file, in bytes.
const maxKeyFile = 64 << 10

// keyCommand is `issuetrail key generate|import|show`.
func keyCommand() *cobra.Command {
	return group("key", "The shared SSH key", keyGenerate(), keyImport(), keyShow())
}

func keyGenerate() *cobra.Command {
	c := &cobra.Command{Use: "generate", Short: "Makes the shared RSA key and prints the public key"}
	c.Flags().Int("bits", 4096, "size of the key")
	c.Flags().Bool("force", false, "replace a key that exists")
	return remote(c, func(cmd *cobra.Command, d *client.Client, _ []string) error {
		bits, _ := cmd.Flags().GetInt("bits")
		force, _ := cmd.Flags().GetBool("force")
		k, err := d.GenerateKey(cmd.Context(), wire.GenerateKey{Bits: bits, OnlyIfMissing: !force})
		var p *wire.Problem
		if errors.As(err, &p) && p.Code == "key_exists" {
			return errors.New("there is a key already; --force replaces it, and every git host must then learn the new one")
		}
		if err != nil {
			return err
		}
		return printKey(cmd, k)
	})
}

func keyImport() *cobra.Command {
	c := &cobra.Command{Use: "import FILE", Short: "Checks FILE and makes it the shared key", Args: cobra.ExactArgs(1)}
	c.Flags().String("passphrase-file", "", "file that holds the passphrase of FILE")
	return remote(c, func(cmd *cobra.Command, d *client.Client, args []string) error {
		info, err := os.Stat(args[0])
		if err != nil {
			return &exitError{exitConfig, fmt.Errorf("key file: %w", err)}
		}
		if info.Size() > maxKeyFile {
			return &exitError{exitConfig, fmt.Errorf("key file %s: larger than %d bytes, so it is no private key", args[0], maxKeyFile)}
		}
		key, err := os.ReadFile(args[0])
		if err != nil {
			return &exitError{exitConfig, fmt.Errorf("key file: %w", err)}
		}
		in := wire.NewKey{PrivateKey: string(key)}
		if file, _ := cmd.Flags().GetString("passphrase-file"); file != "" {
			if in.Passphrase, err = firstLine(file); err != nil {
				return err
			}
		}
		k, err := d.PutKey(cmd.Context(), in)
		var p *wire.Problem
		if errors.As(err, &p) && strings.HasPrefix(p.Code, "key_") {
			return &exitError{exitConfig, explainProblem(err, client.Options{})}
		}
		if err != nil {
			return err
		}
		if from := k.ConvertedFrom; from != nil && *from != "" && !asJSON(cmd) {
			fmt.Fprintf(cmd.ErrOrStderr(), "Converted from %s to RSA PEM.\n", *from)
		}
		return printKey(cmd, k)
	})
}

// firstLine reads a secret from a file, without its line break.
func firstLine(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", usage(fmt.Errorf("--passphrase-file: %w", err))
	}
	defer f.Close()
	line, _ := bufio.NewReader(f).ReadString('\n')
	return strings.TrimRight(line, "\r\n"), nil
}

func keyShow() *cobra.Command {
	c := &cobra.Command{Use: "show", Short: "Shows the public key, its fingerprint and size; never the private key"}
	c.Flags().Bool("public", false, "only the public key line, for authorized_keys or a git host")
	c.Flags().Bool("fingerprint", false, "only the SHA-256 fingerprint")
	c.MarkFlagsMutuallyExclusive("public", "fingerprint")
	return remote(c, func(cmd *cobra.Command, d *client.Client, _ []string) error {
		k, err := d.Key(cmd.Context())
		if err != nil {
			return err
		}
		public, _ := cmd.Flags().GetBool("public")
		fingerprint, _ := cmd.Flags().GetBool("fingerprint")
		switch {
		case public:
			fmt.Fprintln(cmd.OutOrStdout(), k.PublicKey)
			return nil
		case fingerprint:
			fmt.Fprintln(cmd.OutOrStdout(), k.Fingerprint)
			return nil
		}
		return printKey(cmd, k)
	})
}

// printKey prints the public key on stdout, so that it can be piped, and the rest on stderr.
func printKey(cmd *cobra.Command, k wire.Key) error {
	if asJSON(cmd) {
		return printJSON(cmd.OutOrStdout(), k)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s, %d bits, %s, %s\n", strings.ToUpper(k.Type), k.Bits, k.Fingerprint, k.Source)
	if k.Warning != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "Warning:", k.Warning)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "Add this public key to a user of each git host that may read the repositories:")
	fmt.Fprintln(cmd.OutOrStdout(), k.PublicKey)
	return nil
}
