package handing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/custody"
	"rtmtgrab/bundle/seal"
	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/atomicfile"
)

// An OpenRequest says what is opened.
type OpenRequest struct {
	Path  string
	Keys  []string            // files of secret keys; none: it is not encrypted
	Ask   envelope.Passphrase // of those that have one; nil: nobody can be asked
	Out   string              // the folder below which it is unpacked
	Trust []seal.PublicKey
	By    string
}

// An Opened is a bundle that was unpacked, or of which Bad says why not.
type Opened struct {
	Checked
	Folder string `json:"folder,omitempty"`
}

// Open decrypts a bundle if it is encrypted, verifies it, and unpacks it if all is well.
func Open(ctx context.Context, q OpenRequest) (o Opened, err error) {
	defer func() { err = toWrite(err, q.Out, q.Path) }()
	plain := q.Path
	if envelope.IsEncrypted(q.Path) {
		var remove func(error) error
		plain, remove, err = decrypt(ctx, q)
		defer func() { err = remove(err) }()
		if err != nil {
			return o, err
		}
	}
	o.path = q.Path
	o.Result, o.Folder, err = bundle.Unpack(ctx, plain, q.Out, q.Trust...)
	if errors.Is(err, fs.ErrExist) {
		err = advice.WithHint(err, "it was unpacked before: remove that folder, or name another with --out")
	}
	if err != nil || !o.OK {
		return o, err
	}
	o.noteLater(custody.Opened, custody.Later{By: q.By, File: filepath.Base(q.Path)})
	return o, nil
}

// decrypt puts what is in an envelope into a folder of its own, which remove takes away
// again.
func decrypt(ctx context.Context, q OpenRequest) (plain string, remove func(error) error, err error) {
	remove = func(err error) error { return err }
	if len(q.Keys) == 0 {
		return "", remove, advice.Usage(advice.WithHint(fmt.Errorf("%s is encrypted: a key is missing", q.Path), "-i KEY names the file of your secret key, as for age"))
	}
	keys, err := envelope.UnlockKeys(q.Ask, q.Keys...)
	switch {
	case errors.Is(err, envelope.ErrNoPassphrase):
		err = advice.WithHint(err, "run it on a terminal, which asks for it, or name it with --passphrase-file or --passphrase-env")
	case errors.Is(err, envelope.ErrWrongPassphrase):
		err = advice.WithHint(err, "for several keys with passphrases of their own run it on a terminal, which asks for each")
	}
	if err != nil {
		return "", remove, advice.Usage(err)
	}
	if err := atomicfile.MkdirAll(q.Out); err != nil {
		return "", remove, err
	}
	dir, gone, err := atomicfile.TempDir(q.Out, bundle.WorkName)
	if err != nil {
		return "", remove, err
	}
	remove = func(err error) error {
		if rm := gone(); rm != nil {
			return errors.Join(err, fmt.Errorf("what was decrypted is left in %s: %w", dir, rm))
		}
		return err
	}
	plain = filepath.Join(dir, strings.TrimSuffix(filepath.Base(q.Path), envelope.Ending))
	err = envelope.Decrypt(ctx, q.Path, plain, keys)
	if errors.Is(err, envelope.ErrNoKey) {
		err = advice.WithHint(err, "ask who sent it to encrypt it to your public key")
	}
	if err != nil {
		err = fmt.Errorf("open %s: %w", q.Path, err)
	}
	return plain, remove, err
}

// Write says it for people.
func (o Opened) Write(out, errOut io.Writer) error {
	if err := o.Checked.Write(out, errOut); err != nil || !o.OK {
		return err
	}
	_, err := fmt.Fprintln(out, "unpacked:", o.Folder)
	return err
}
