package exporting

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/handing"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/snapshot"
	"rtmtgrab/internal/wiring"
)

// SnapshotFormat is what --format names.
const SnapshotFormat = "snapshot"

// A Snapshot is a bundle's logs as appliances' diagnostic archives have them.
type Snapshot struct {
	Bundle string         `json:"bundle"`
	File   string         `json:"file,omitempty"` // the archive, if it is one
	Files  []SnapshotFile `json:"files"`
	Lost   []string       `json:"hosts_without_logs"`

	notes []string
}

// A SnapshotFile is the text of one host.
type SnapshotFile struct {
	Host    string `json:"host"`
	File    string `json:"file"`
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"`
}

// Warn says what went wrong that is no failure.
func (s Snapshot) Warn(w io.Writer) { handing.Warn(w, s.notes) }

// Write says it for people.
func (s Snapshot) Write(out io.Writer) error {
	for _, f := range s.Files {
		fmt.Fprintf(out, "%s: %s, %s\n", f.File, human.Plural(int(f.Records), "record"), human.Size(f.Bytes))
	}
	for _, h := range s.Lost {
		fmt.Fprintf(out, "%s: the bundle has no log of it\n", h)
	}
	if s.File != "" {
		_, err := fmt.Fprintln(out, "exported:", s.File)
		return err
	}
	return nil
}

// WriteSnapshot verifies a bundle and writes one text for each of its hosts: into the folder
// out, or, if that is named .tar.gz, into one archive. All are there at the end, or none is.
func WriteSnapshot(ctx context.Context, path, out, by string) (Snapshot, error) {
	w := snapshotWriter{Snapshot: Snapshot{Bundle: path, Files: []SnapshotFile{}, Lost: []string{}}, dir: out, by: by}
	if isTarGz(out) {
		w.File, w.dir = out, filepath.Dir(out)
	} else if st, err := os.Stat(out); err == nil && !st.IsDir() {
		return w.Snapshot, advice.Usage(fmt.Errorf("--out: %s is a file: name a folder, or an archive that ends in .tar.gz", out))
	}
	if a, err := os.Stat(path); err == nil {
		if b, err := os.Stat(out); err == nil && os.SameFile(a, b) {
			return w.Snapshot, advice.Usage(fmt.Errorf("--out: %s is also the input", out))
		}
	}
	if err := w.write(ctx, path); err != nil {
		return w.Snapshot, err
	}
	return w.Snapshot, nil
}

func isTarGz(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".tgz")
}

type snapshotWriter struct {
	Snapshot
	by   string
	dir  string // where the texts, or the archive, go
	work string // where they grow
}

func (w *snapshotWriter) write(ctx context.Context, path string) (err error) {
	_, serr := os.Stat(w.dir)
	if err := atomicfile.MkdirAll(w.dir); err != nil {
		return err
	}
	defer func() {
		if err != nil && serr != nil {
			os.Remove(w.dir) // it is empty
		}
	}()
	work, remove, err := atomicfile.TempDir(w.dir, "grab-export")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	w.work = work

	res, folder, err := handing.UnpackIntact(ctx, path, work)
	if err != nil {
		return err
	}
	if err := w.hosts(ctx, res.Manifest, folder); err != nil {
		return err
	}
	if err := w.place(ctx, res.Manifest); err != nil {
		return err
	}
	w.notes = handing.NoteExport(path, res, w.by, cmp.Or(w.File, filepath.Base(w.Files[0].File)))
	return nil
}

// hosts merges what is there of each host.
func (w *snapshotWriter) hosts(ctx context.Context, m evidence.Manifest, folder string) error {
	seen := evidence.FileNames{}
	for _, h := range m.Hosts {
		var logs []snapshot.Log
		for _, f := range h.Files {
			if f.Path == "" {
				continue
			}
			if err := seen.Add(f.Path); err != nil {
				return fmt.Errorf("the manifest: %w", err)
			}
			name := filepath.Join(folder, filepath.FromSlash(f.Path))
			logs = append(logs, snapshot.Log{Name: f.Path, Ref: refOf(m, f), Open: func() (io.ReadCloser, error) { return os.Open(name) }})
		}
		if len(logs) == 0 {
			w.Lost = append(w.Lost, evidence.Printable(h.Host, 100))
			continue
		}
		if err := seen.Add(h.Host); err != nil {
			return fmt.Errorf("the manifest: %w", err)
		}
		if err := w.host(ctx, m, h.Host, logs); err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Join(folder, "hosts", h.Host)); err != nil { // its room is worth more
			return err
		}
	}
	if len(w.Files) == 0 {
		return errors.New("the bundle has no logs")
	}
	return nil
}

// refOf dates stamps that have no year.
func refOf(m evidence.Manifest, f evidence.File) expressway.Ref {
	ref := expressway.Ref{MTime: m.Window.Until, Zone: wiring.ZoneNamed(m.TimeZone)}
	for _, s := range f.Sources {
		if s.MTime.After(ref.MTime) {
			ref.MTime = s.MTime
		}
	}
	return ref
}

// host writes the text of one host.
func (w *snapshotWriter) host(ctx context.Context, m evidence.Manifest, host string, logs []snapshot.Log) error {
	name := "loggingsnapshot_" + host + "_" + snapshotTime(m) + ".txt"
	var n snapshot.Count
	err := atomicfile.Write(filepath.Join(w.work, name), func(out io.Writer) (err error) {
		n, err = snapshot.Merge(ctx, out, logs)
		return err
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	w.Files = append(w.Files, SnapshotFile{host, name, n.Records, n.Bytes})
	return nil
}

// snapshotTime is the end of the window in UTC, without what Windows has in no name.
func snapshotTime(m evidence.Manifest) string {
	return m.Window.Until.UTC().Format("2006-01-02_15_04_05")
}

// place moves what is finished to where it belongs.
func (w *snapshotWriter) place(ctx context.Context, m evidence.Manifest) error {
	if w.File != "" {
		return atomicfile.Write(w.File, func(out io.Writer) error { return w.pack(ctx, out, m.Window.Until) })
	}
	for i := range w.Files {
		f := &w.Files[i]
		to := filepath.Join(w.dir, f.File)
		if err := atomicfile.Rename(filepath.Join(w.work, f.File), to); err != nil {
			return err
		}
		f.File = to
	}
	return nil
}

// pack writes the texts as a .tar.gz, without a folder.
func (w *snapshotWriter) pack(ctx context.Context, out io.Writer, at time.Time) error {
	gz, err := gzip.NewWriterLevel(out, 3)
	if err != nil {
		return err
	}
	t := tar.NewWriter(gz)
	for _, f := range w.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.File, Size: f.Bytes, Mode: 0o600, ModTime: at.UTC().Truncate(time.Second)}); err != nil {
			return err
		}
		if err := copyFile(t, filepath.Join(w.work, f.File)); err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), gz.Close())
}

func copyFile(w io.Writer, name string) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.Copy(w, in)
	return err
}
