package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/client"
	"issuetrail/internal/api/wire"
)

func keyStage() *cobra.Command {
	c := &cobra.Command{
		Use: "stage [FILE]", Short: "Tries out another key while the shared one goes on; without FILE it makes one", Args: cobra.MaximumNArgs(1),
		Long: "Tries out another key while the shared one goes on: the one of FILE, or a new one. The public key is printed.\n\n" +
			"Add the public key to the git hosts. The daemon tries it at every repository in the background; `key status` shows which\n" +
			"accept it. When all that are reached over SSH and not suspended do, it becomes the active key by itself; `key activate`\n" +
			"does not wait. The key before it stays, for servers that refuse the new one, until `key drop previous`.",
	}
	c.Flags().String("passphrase-file", "", "file that holds the passphrase of FILE")
	c.Flags().Int("bits", 0, "size of a new key (default 4096)")
	return remote(c, func(cmd *cobra.Command, d *client.Client, args []string) error {
		bits, _ := cmd.Flags().GetInt("bits")
		in, file := wire.StageKey{Bits: bits}, ""
		var from *string
		switch pass, _ := cmd.Flags().GetString("passphrase-file"); {
		case len(args) == 0 && pass != "":
			return wrongUsage(cmd, errors.New("--passphrase-file is for the key of FILE"))
		case len(args) == 1 && bits != 0:
			return wrongUsage(cmd, errors.New("--bits is for a new key, and FILE holds one"))
		case len(args) == 1:
			file = args[0]
			key, converted, err := bringKey(cmd, file)
			if err != nil {
				return err
			}
			in.PrivateKey, in.Passphrase, from = key.PrivateKey, key.Passphrase, converted
		}
		k, err := d.StageKey(cmd.Context(), in)
		if err != nil {
			return keyProblem(err, file)
		}
		if from != nil {
			k.ConvertedFrom = from
		}
		if asJSON(cmd) {
			return printJSON(cmd.OutOrStdout(), k)
		}
		sayConverted(cmd, k.ConvertedFrom)
		fmt.Fprintf(cmd.ErrOrStderr(), "Staged: %s, %d bits, %s\n", strings.ToUpper(k.Type), k.Bits, k.Fingerprint)
		if k.Warning != "" {
			fmt.Fprintln(cmd.ErrOrStderr(), "Warning:", k.Warning)
		}
		fmt.Fprintln(cmd.ErrOrStderr(), "Add this public key to the git hosts, beside the one that is there; issuetrail key status --check shows which accept it:")
		fmt.Fprintln(cmd.OutOrStdout(), k.PublicKey)
		return nil
	})
}

// bringKey reads a key that is sent to the daemon, and says what it was converted from here; nil = it was not.
func bringKey(cmd *cobra.Command, file string) (wire.NewKey, *string, error) {
	in, err := newKey(cmd, file)
	if err != nil {
		return in, nil, &exitError{exitConfig, err}
	}
	from, err := portable(&in, file)
	if err != nil {
		return in, nil, &exitError{exitConfig, fmt.Errorf("%s: %w", file, err)}
	}
	return in, from, nil
}

// keyProblem is an error of the daemon about the key of a file, "" = there is none; such a key is a mistake
// of the file.
func keyProblem(err error, file string) error {
	var p *wire.Problem
	if file == "" || !errors.As(err, &p) || !strings.HasPrefix(p.Code, "key_") {
		return err
	}
	p.Detail = file + ": " + strings.ReplaceAll(p.Detail, " FILE", " "+file)
	if p.Status == http.StatusConflict {
		return p // the file is right
	}
	return &exitError{exitConfig, p}
}

func sayConverted(cmd *cobra.Command, from *string) {
	if from != nil && *from != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "Converted from %s to RSA PEM.\n", *from)
	}
}

func keyActivate() *cobra.Command {
	c := &cobra.Command{
		Use: "activate", Short: "Makes the staged key the active one, whoever accepts it", Args: cobra.NoArgs,
		Long: "Makes the staged key the active one, whoever accepts it. The key before it stays: where a server refuses the new\n" +
			"one, or does not find the repository with it, the key before it is tried. `key rollback` undoes it.",
	}
	return remote(c, func(cmd *cobra.Command, d *client.Client, _ []string) error {
		before, err := d.KeyStatus(cmd.Context())
		if err != nil {
			return err
		}
		k, err := d.ActivateKey(cmd.Context())
		if err != nil {
			return err
		}
		if missing := before.Expected - before.Accepted; missing > 0 && !asJSON(cmd) {
			fmt.Fprintf(cmd.ErrOrStderr(), "Note: %s of %d did not accept it so far; there the key before it is tried too.\n", count(missing, "repository"), before.Expected)
		}
		return printActive(cmd, k)
	})
}

func keyRollback() *cobra.Command {
	c := &cobra.Command{Use: "rollback", Short: "Makes the key before the active one again; the two change places", Args: cobra.NoArgs}
	return remote(c, func(cmd *cobra.Command, d *client.Client, _ []string) error {
		k, err := d.RollbackKey(cmd.Context())
		if err != nil {
			return err
		}
		return printActive(cmd, k)
	})
}

// printActive says which key logs in now, and which one is kept.
func printActive(cmd *cobra.Command, k wire.Key) error {
	text := fmt.Sprintf("active: %s", k.Fingerprint)
	if k.Previous != nil {
		text += fmt.Sprintf("\nkept as the previous key: %s; when no server needs it: issuetrail key drop previous", k.Previous.Fingerprint)
	}
	return done(cmd, k, "%s", text)
}

func keyDrop() *cobra.Command {
	c := &cobra.Command{
		Use: "drop staged|previous", Short: "Forgets the staged or the previous key", ValidArgs: []string{"staged", "previous"},
		Args: cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
	}
	return remote(c, func(cmd *cobra.Command, d *client.Client, args []string) error {
		if err := d.DropKey(cmd.Context(), args[0]); err != nil {
			return err
		}
		return done(cmd, map[string]string{"key": args[0], "status": "dropped"}, "the %s key is dropped", args[0])
	})
}

func keyRewrap() *cobra.Command {
	c := &cobra.Command{
		Use: "rewrap", Short: "Encrypts the stored keys under a new master key", Args: cobra.NoArgs,
		Long: "Encrypts the stored keys under a new master key.\n\n" +
			"The daemon makes the new one itself where it made the old one: data_dir/master-key. If key.master_key_file names a file,\n" +
			"write the new master key (openssl rand -hex 32) as a line above the old one, on every node, and run this; after that the\n" +
			"second line may go. The SSH keys stay what they are: no git host needs to know.",
	}
	return remote(c, func(cmd *cobra.Command, d *client.Client, _ []string) error {
		r, err := d.RewrapKey(cmd.Context())
		if err != nil {
			return err
		}
		return done(cmd, r, "%s sealed anew: %s", count(r.Keys, "key"), r.Note)
	})
}
