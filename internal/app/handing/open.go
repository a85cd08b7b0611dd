package handing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
	Keys  []string // files of secret keys; none: it is not encrypted
	Out   string   // the folder below which it is unpacked
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
	if ledger, in := custody.LedgerFor(q.Path); in {
		o.record(ledger, custody.Opened, custody.Later{By: q.By, File: filepath.Base(q.Path)})
	}
	return o, nil
}

// decrypt puts what is in an envelope into a folder of its own, which remove takes away
// again.
func decrypt(ctx context.Context, q OpenRequest) (plain string, remove func(error) error, err error) {
	remove = func(err error) error { return err }
	if len(q.Keys) == 0 {
		return "", remove, advice.Usage(advice.WithHint(fmt.Errorf("%s is encrypted: a key is missing", q.Path), "-i KEY names the file of your secret key, as for age"))
	}
	keys, err := envelope.ReadKeys(q.Keys...)
	if err != nil {
		return "", remove, advice.Usage(err)
	}
	if err := atomicfile.MkdirAll(q.Out); err != nil {
		return "", remove, err
	}
	dir, err := os.MkdirTemp(q.Out, "grab-open-*"+atomicfile.PartSuffix)
	if err != nil {
		return "", remove, err
	}
	remove = func(err error) error { return removeAll(dir, err) }
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

// An Envelope is a bundle that was encrypted.
type Envelope struct {
	Bundle string   `json:"bundle"`
	File   string   `json:"file"`
	Bytes  int64    `json:"bytes"`
	SHA256 string   `json:"sha256"`
	To     []string `json:"recipients"`
}

// Write says it for people.
func (e Envelope) Write(out io.Writer) error {
	_, err := fmt.Fprintf(out, "encrypted: %s\nsha256:    %s\n", e.File, e.SHA256)
	return err
}

// Encrypt verifies a bundle and encrypts it to recipients: to out, a file, or a folder in
// which it is named after the bundle. What went wrong that is no failure is said on warn.
func Encrypt(ctx context.Context, path string, to []string, out, by string, warn io.Writer) (Envelope, error) {
	r, err := envelope.ReadRecipients(to...)
	if err != nil {
		return Envelope{}, advice.Usage(fmt.Errorf("--encrypt-to: %w", err))
	}
	e := Envelope{Bundle: path, To: r.Names, File: out}
	if st, err := os.Stat(out); err == nil && st.IsDir() {
		e.File = filepath.Join(out, filepath.Base(path)+envelope.Ending)
	}
	if a, err := os.Stat(path); err == nil {
		if b, err := os.Stat(e.File); err == nil && os.SameFile(a, b) {
			return e, advice.Usage(fmt.Errorf("--out: %s is also the input", e.File))
		}
	}
	res, err := bundle.Verify(ctx, path)
	if err != nil {
		return e, err
	}
	if !res.OK {
		return e, advice.WithHint(fmt.Errorf("%s: %s: %s", path, res.Bad[0].File, res.Bad[0].What), "nothing was written; `grab verify` says all that is wrong with it")
	}
	made, err := envelope.Encrypt(ctx, path, e.File, r)
	if err != nil {
		return e, fmt.Errorf("encrypt %s: %w", path, err)
	}
	e.Bytes, e.SHA256 = made.Bytes, made.SHA256
	if ledger, in := custody.LedgerFor(path); in {
		c := Checked{Result: res}
		c.record(ledger, custody.Encrypted, custody.Later{By: by, File: filepath.Base(e.File), SHA256: made.SHA256, To: r.Names[:min(len(r.Names), 20)]})
		c.Warn(warn)
	}
	return e, nil
}
