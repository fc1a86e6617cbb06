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

// keyCommand is `issuetrail key …`.
func keyCommand() *cobra.Command {
	return group("key", "Makes, imports, converts, shows, rotates and verifies the shared SSH key",
		keyGenerate(), keyImport(), keyConvert(), keyShow(), keyVerify(),
		keyStage(), keyStatus(), keyActivate(), keyRollback(), keyDrop(), keyRewrap())
}

func keyGenerate() *cobra.Command {
	c := &cobra.Command{
		Use: "generate", Short: "Makes the shared RSA key and prints the public key",
		Long: "Makes the shared RSA key and prints the public key.\n\n" +
			"The daemon keeps the private key in its database, encrypted under its master key (key.master_key_file),\n" +
			"so a passphrase adds nothing to it: --passphrase-file is taken and not used, and the command says so.\n" +
			"For a key file with a passphrase set key.file and key.passphrase_file.",
	}
	c.Flags().Int("bits", 4096, "size of the key")
	c.Flags().Bool("force", false, "replace a key that exists")
	c.Flags().String("passphrase-file", "", "not used: the key that the daemon keeps is encrypted under its master key")
	c.PreRunE = func(cmd *cobra.Command, _ []string) error {
		file, _ := cmd.Flags().GetString("passphrase-file")
		if file == "" {
			return nil
		}
		if _, err := os.Stat(file); err != nil {
			return usage(fmt.Errorf("--passphrase-file: %w", err))
		}
		fmt.Fprintln(cmd.ErrOrStderr(), "Note: the key that the daemon keeps is encrypted under its master key, key.master_key_file; the passphrase is not used.\n"+
			"For a key file with a passphrase: ssh-keygen -t rsa -b 4096 -m PEM -f FILE; then set key.file and key.passphrase_file.")
		return nil
	}
	return remote(c, func(cmd *cobra.Command, d *client.Client, _ []string) error {
		bits, _ := cmd.Flags().GetInt("bits")
		force, _ := cmd.Flags().GetBool("force")
		k, err := d.GenerateKey(cmd.Context(), wire.GenerateKey{Bits: bits, OnlyIfMissing: !force})
		var p *wire.Problem
		if errors.As(err, &p) && p.Code == "key_exists" {
			return hinted(errors.New("there is a key already; issuetrail key show prints its public key"),
				"issuetrail key stage makes a new one that is tried out before it is used; --force replaces the key at once")
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
		in, from, err := bringKey(cmd, args[0])
		if err != nil {
			return err
		}
		k, err := d.PutKey(cmd.Context(), in)
		if err != nil {
			return keyProblem(err, args[0])
		}
		if from != nil {
			k.ConvertedFrom = from
		}
		if !asJSON(cmd) {
			sayConverted(cmd, k.ConvertedFrom)
		}
		return printKey(cmd, k)
	})
}

// newKey reads the file of a key and that of its passphrase.
func newKey(cmd *cobra.Command, file string) (in wire.NewKey, err error) {
	if in.PrivateKey, err = readSmall(file); err != nil {
		return in, fmt.Errorf("key file: %w", err)
	}
	if file, _ := cmd.Flags().GetString("passphrase-file"); file != "" {
		text, err := readSmall(file)
		if err != nil {
			return in, fmt.Errorf("--passphrase-file: %w", err)
		}
		line, _, _ := strings.Cut(text, "\n")
		in.Passphrase = strings.TrimSuffix(line, "\r")
	}
	return in, nil
}

func keyShow() *cobra.Command {
	c := &cobra.Command{Use: "show", Short: "Shows the public key, its fingerprint and size; never the private key"}
	c.Flags().Bool("public", false, "only the public key line, for authorized_keys or a git host")
	c.Flags().Bool("fingerprint", false, "only the SHA-256 fingerprint")
	c.Flags().Bool("staged", false, "the staged key in place of the active one")
	c.MarkFlagsMutuallyExclusive("public", "fingerprint")
	return remote(c, func(cmd *cobra.Command, d *client.Client, _ []string) error {
		k, err := d.Key(cmd.Context())
		if err != nil {
			return err
		}
		if staged, _ := cmd.Flags().GetBool("staged"); staged {
			if k.Staged == nil {
				return hinted(errors.New("no key is staged"), "issuetrail key stage")
			}
			s := *k.Staged
			k = wire.Key{Type: s.Type, Bits: s.Bits, Fingerprint: s.Fingerprint, PublicKey: s.PublicKey, Source: k.Source, InstalledAt: s.InstalledAt, Warning: s.Warning}
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
	kept := "kept by the daemon"
	if k.Source == "file" {
		kept = "from key.file of the config"
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s, %d bits, %s, %s\n", strings.ToUpper(k.Type), k.Bits, k.Fingerprint, kept)
	if k.Warning != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "Warning:", k.Warning)
	}
	if k.Previous != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "The key before it is tried where a server refuses this one: %s; undo: issuetrail key rollback\n", k.Previous.Fingerprint)
	}
	if k.Staged != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "Another key is staged: %s; issuetrail key status\n", k.Staged.Fingerprint)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "Add this public key to a user of each git host that may read the repositories:")
	fmt.Fprintln(cmd.OutOrStdout(), k.PublicKey)
	return nil
}
