package handing

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/custody"
	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/human"
)

// An ExportRequest says which bundle is written for others, and how.
type ExportRequest struct {
	Path   string
	Format string   // one of bundle.Formats; empty: as it is
	To     []string // recipients; none: it is not encrypted
	Out    string   // a file, or a folder in which it is named after the bundle
	By     string
}

// An Exported is a bundle that was written for others.
type Exported struct {
	Bundle string   `json:"bundle"`
	File   string   `json:"file"`
	Format string   `json:"format,omitempty"`
	Bytes  int64    `json:"bytes"`
	SHA256 string   `json:"sha256"`
	To     []string `json:"recipients,omitempty"`

	notes []string
}

// Warn says what went wrong that is no failure.
func (e Exported) Warn(w io.Writer) { Warn(w, e.notes) }

// Write says it for people.
func (e Exported) Write(out io.Writer) error {
	if len(e.To) > 0 {
		_, err := fmt.Fprintf(out, "encrypted: %s\nsha256:    %s\n", e.File, e.SHA256)
		return err
	}
	_, err := fmt.Fprintf(out, "exported: %s (%s)\nsha256:   %s\n", e.File, human.Size(e.Bytes), e.SHA256)
	return err
}

// Export verifies a bundle, and writes it as another kind of archive, encrypted to
// recipients, or both. What is converted and encrypted is never plain on the disk.
func Export(ctx context.Context, q ExportRequest) (Exported, error) {
	var to envelope.Recipients
	if len(q.To) > 0 {
		var err error
		if to, err = envelope.ReadRecipients(q.To...); err != nil {
			return Exported{}, advice.Usage(fmt.Errorf("--encrypt-to: %w", err))
		}
	}
	v, err := openIntact(ctx, q.Path)
	if err != nil {
		return Exported{}, err
	}
	defer v.Close()
	e := Exported{Bundle: q.Path, File: q.file(v), Format: q.Format, To: to.Names}
	if err := q.check(e.File); err != nil {
		return e, advice.Usage(err)
	}
	act := custody.Exported
	if len(q.To) == 0 {
		var made bundle.Info
		made, err = v.Convert(ctx, e.File, q.Format)
		e.Bytes, e.SHA256 = made.Bytes, made.SHA256
	} else {
		var made envelope.Made
		act = custody.Encrypted
		made, err = q.encrypt(ctx, v, e.File, to)
		e.Bytes, e.SHA256 = made.Bytes, made.SHA256
	}
	if err != nil {
		return e, toWrite(err, q.Out, q.Path)
	}
	c := Checked{Result: v.Result, path: q.Path}
	c.noteLater(act, custody.Later{By: q.By, File: filepath.Base(e.File), SHA256: e.SHA256, To: to.Names[:min(len(to.Names), 20)]})
	e.notes = c.notes
	return e, nil
}

// encrypt encrypts the bundle as it is, or while it is converted.
func (q ExportRequest) encrypt(ctx context.Context, v *bundle.Verified, file string, to envelope.Recipients) (made envelope.Made, err error) {
	if q.Format == "" {
		made, err = envelope.Encrypt(ctx, q.Path, file, to)
	} else {
		made, err = envelope.Write(file, to, func(w io.Writer) error { return v.CopyTo(ctx, w, q.Format) })
	}
	if err != nil {
		err = fmt.Errorf("encrypt %s: %w", q.Path, err)
	}
	return made, err
}

// openIntact opens a bundle that verifies. What is wrong with any other is an error, which
// names the file in it.
func openIntact(ctx context.Context, path string) (*bundle.Verified, error) {
	if envelope.IsEncrypted(path) {
		return nil, encryptedAlready(path)
	}
	v, res, err := bundle.OpenVerified(ctx, path)
	if err == nil && v == nil {
		err = broken(path, res)
	}
	return v, err
}

// UnpackIntact unpacks a bundle into a new folder below dir. One that does not verify is
// an error, as for openIntact.
func UnpackIntact(ctx context.Context, path, dir string) (res bundle.Result, folder string, err error) {
	if envelope.IsEncrypted(path) {
		return res, "", encryptedAlready(path)
	}
	res, folder, err = bundle.Unpack(ctx, path, dir)
	if err == nil && !res.OK {
		err = broken(path, res)
	}
	return res, folder, err
}

// broken names a file in the bundle, if one is bad: that an archive cannot be read to its end
// says less.
func broken(path string, res bundle.Result) error {
	bad := res.Bad[0]
	if i := slices.IndexFunc(res.Bad, func(b bundle.Bad) bool { return b.File != filepath.Base(path) }); i > 0 {
		bad = res.Bad[i]
	}
	more := ""
	if n := len(res.Bad) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	return advice.WithHint(fmt.Errorf("%s: %s: %s%s", path, bad.File, bad.What, more), "nothing was written; `grab verify` says all that is wrong with it")
}

// NoteExport writes down, where the bundle lies in a store, that somebody made something of
// it. The notes say why that could not be done.
func NoteExport(path string, res bundle.Result, by, file string) (notes []string) {
	c := Checked{Result: res, path: path}
	c.noteLater(custody.Exported, custody.Later{By: by, File: filepath.Base(file)})
	return c.notes
}

// file is what is written.
func (q ExportRequest) file(v *bundle.Verified) string {
	if st, err := os.Stat(q.Out); err != nil || !st.IsDir() {
		return q.Out
	}
	name := filepath.Base(q.Path)
	if q.Format != "" {
		name = bundle.Name(v.Manifest) + "." + q.Format
	}
	if len(q.To) > 0 {
		name += envelope.Ending
	}
	return filepath.Join(q.Out, name)
}

// check looks at what can be wrong with the file before it is written.
func (q ExportRequest) check(file string) error {
	if err := noFolder(file); err != nil {
		return err
	}
	name := file
	if len(q.To) > 0 { // the rest of an envelope's name says what is in it
		name = strings.TrimSuffix(file, envelope.Ending)
	}
	if named, ok := bundle.FormatOf(name); ok && q.Format != "" && named != q.Format {
		return fmt.Errorf("--out: %s ends in .%s, and the format is %s", file, named, q.Format)
	}
	a, err := os.Stat(q.Path)
	if err != nil {
		return nil // it was removed, and is open
	}
	if b, err := os.Stat(file); err == nil && os.SameFile(a, b) {
		return fmt.Errorf("--out: %s is also the input", file)
	}
	return nil
}
