package masking

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"rtmtgrab/bundle/mask"
)

// A member of an archive.
type member struct {
	name string
	data []byte
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func tarred(all ...member) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, m := range all {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: m.name, Size: int64(len(m.data)), Mode: 0o644}
		if m.data == nil {
			h.Typeflag, h.Linkname = tar.TypeSymlink, "/etc/passwd"
		}
		w.WriteHeader(h)
		w.Write(m.data)
	}
	w.Close()
	return out.Bytes()
}

func zipped(all ...member) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, m := range all {
		f, _ := w.Create(m.name)
		f.Write(m.data)
	}
	w.Close()
	return out.Bytes()
}

// shout is a masker of which one sees what it did: all letters are large.
func shout(_ string, _ mask.Kind, w io.Writer, r io.Reader) error {
	b, err := io.ReadAll(r)
	w.Write(bytes.ToUpper(b))
	return err
}

// pack lets a file through, and gives what it becomes, and what was left out.
func pack(t testing.TB, name string, b []byte, do leaf) (out []byte, left []string, err error) {
	t.Helper()
	j := newJob(t)
	out, left, err = packWith(j, name, b, do)
	if tmp, _ := filepath.Glob(filepath.Join(j.work, "packed-*")); len(tmp) > 0 {
		t.Errorf("left behind: %v", tmp)
	}
	return out, left, err
}

func newJob(t testing.TB) *job {
	t.Helper()
	m := newMasker(t)
	path := (&raw{}).minimal(t).in(t, m, ".zip")
	src, err := m.verify(t.Context(), Request{Path: path, Out: t.TempDir()})
	must(t, err)
	j, err := m.begin(context.Background(), src, openMap(t, m), Request{Strength: mask.Identities})
	must(t, err)
	return j
}

func packWith(j *job, name string, b []byte, do leaf) (out []byte, left []string, err error) {
	var w bytes.Buffer
	p := &packer{job: j, leaf: do, left: func(name string, why error) error { left = append(left, name+": "+why.Error()); return nil }}
	err = p.file(name, &w, bytes.NewReader(b), 0)
	return w.Bytes(), left, err
}

// texts are the texts in what may be packed, by their names.
func texts(t testing.TB, name string, b []byte) (all []string) {
	t.Helper()
	_, _, err := pack(t, name, b, func(name string, _ mask.Kind, w io.Writer, r io.Reader) error {
		b, err := io.ReadAll(r)
		all = append(all, name+"="+string(b))
		return err
	})
	must(t, err)
	slices.Sort(all)
	return all
}

// What is packed is unpacked, masked and packed again, members under their names and in their
// order; what cannot be masked is left out, and named.
func TestPacked(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 4096)
	rand.Read(noise)
	trace := []byte("trace of a call\n")
	archive := tarred(member{"cm/trace1.txt", trace}, member{"cm/deep.zip", zipped(member{"a.txt", []byte("a\n")}, member{"noise", noise})},
		member{"core.bin", noise}, member{"link", nil}, member{"prt-SEP1.tar.gz", gzipped(tarred(member{"x", trace}))}, member{"t.gz", gzipped(trace)}, member{"torn.gz", gzipped(bytes.Repeat(trace, 999))[:30]})
	out, left, err := pack(t, "report/traces.tgz", gzipped(archive), shout)
	must(t, err)
	wantLeft := []string{"deep.zip/noise: not a text", "core.bin: not a text", "link: not a plain file", "prt-SEP1.tar.gz: a phone's problem report", "torn.gz: it cannot be unpacked"}
	if len(left) != len(wantLeft) {
		t.Errorf("left out: %q", left)
	}
	for _, want := range wantLeft {
		if !slices.ContainsFunc(left, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("left out: %q, but not %s", left, want)
		}
	}
	got := fmt.Sprintf("%q", texts(t, "report/traces.tgz", out))
	want := `["report/traces.tar/cm/deep.zip/a.txt=A\n" "report/traces.tar/cm/trace1.txt=TRACE OF A CALL\n" "report/traces.tar/t=TRACE OF A CALL\n"]`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	for name, b := range map[string][]byte{"report/core": noise, "report/prt.log": trace, "report/PRT_7042.zip": zipped(member{"a", trace}), "report/problem report.txt": trace,
		"report/x.gz": gzipped(gzipped(gzipped(gzipped(trace)))), "report/torn.gz": gzipped(trace)[:9]} {
		if _, _, err := pack(t, name, b, shout); !errors.As(err, new(unmaskable)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if out, _, err := pack(t, "report/reports.txt", trace, shout); err != nil || string(out) != "TRACE OF A CALL\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// Bombs, names that are one, and a failing disk end all of it.
func TestPackedHostile(t *testing.T) {
	t.Parallel()
	drain := func(_ string, _ mask.Kind, _ io.Writer, r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	}

	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for range 100 {
		w.Write(bytes.Repeat([]byte("aaaaaaaa"), 128<<10))
	}
	w.Close()
	bomb := b.Bytes()
	for name, c := range map[string]struct {
		b    []byte
		says string
	}{
		"bomb":      {bomb, "unpacks to more"},
		"bomb in a": {tarred(member{"x.gz", bomb}), "unpacks to more"},
		"zip bomb":  {zipped(member{"x", bytes.Repeat([]byte("aaaaaaaa"), 10<<20)}), "unpacks to more"},
		"case":      {tarred(member{"a/X.txt", []byte("a\n")}, member{"A/x.txt", []byte("b\n")}), "are one name"},
		"twice":     {zipped(member{"x", []byte("a\n")}, member{"x", []byte("b\n")}), "is in it twice"},
	} {
		if _, left, err := pack(t, "report/x", c.b, drain); err == nil || errors.As(err, new(unmaskable)) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, left out %q", name, err, left)
		}
	}
	slips := tarred(member{"../../etc/a.txt", []byte("a\n")}, member{"/abs/b.txt", []byte("b\n")}, member{`..\c.txt`, []byte("c\n")})
	out, _, err := pack(t, "report/x.tar", slips, shout)
	must(t, err)
	r := tar.NewReader(bytes.NewReader(out))
	for h, err := r.Next(); err == nil; h, err = r.Next() {
		if strings.Contains(h.Name, "..") || strings.HasPrefix(h.Name, "/") {
			t.Errorf("the name %s was kept", h.Name)
		}
	}
	fault := errors.New("no room")
	if _, _, err := pack(t, "report/x.tar", tarred(member{"a", []byte("a\n")}), func(string, mask.Kind, io.Writer, io.Reader) error { return fault }); !errors.Is(err, fault) {
		t.Error(err)
	}
}

// Whatever is packed: no panic, nothing of what is no text passes, and what comes out can be
// read in the same way.
func FuzzPacked(f *testing.F) {
	for _, b := range [][]byte{gzipped([]byte("a\n")), tarred(member{"a", []byte("a\n")}), zipped(member{"a", []byte("a\n")}), []byte("a\n"), gzipped(tarred(member{"a", nil}))} {
		f.Add(b)
	}
	j := newJob(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		out, _, err := packWith(j, "report/x", b, shout)
		if err != nil {
			return
		}
		_, _, err = packWith(j, "report/x", out, func(name string, _ mask.Kind, w io.Writer, r io.Reader) error {
			b, err := io.ReadAll(r)
			if !bytes.Equal(b, bytes.ToUpper(b)) {
				t.Errorf("%s passed: %q", name, b)
			}
			return err
		})
		if err != nil && !errors.As(err, new(unmaskable)) {
			t.Errorf("what it became: %v", err)
		}
	})
}
