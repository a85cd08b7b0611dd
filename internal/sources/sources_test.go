package sources

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rtmtgrab/internal/registration"
)

// site is what an analyst has: two peers' logs, rotated in ways that lie about the
// order, with a copy that a rotation left and with files that are no logs. A record
// is cut in two by a rotation.
func site() (files []file, c, e []byte) {
	old, mid, live := someLog(1, 40, "REGISTER old"), someLog(2, 40, "REGISTER mid"), someLog(3, 40, "REGISTER live")
	cut := len(mid) - 30
	c = slices.Concat(old, mid, live)
	e = slices.Concat(someLog(1, 30, "REGISTER at E"), someLog(2, 30, "REGISTER at E"))
	files = []file{
		{"expc01/network_log", live}, {"expc01/network_log.1", mid[:cut]}, {"expc01/network_log.2.gz", gz(old)}, {"expc01/network_log-20260302", old},
		{"expe01/network_log", e}, {"expe01/messages", someLog(1, 5, "event")}, {"expe01/packagesd.log", someLog(1, 5, "other")},
		{"expc01/readme.txt", []byte("not a log\n")}, {"expc01/empty_log", nil}, {"expc01/capture.pcap", bytes.Repeat([]byte{0xd4, 0xc3, 0xb2, 0xa1, 0}, 5000)},
	}
	files[0].b = slices.Concat(mid[cut:], live)
	return files, c, e
}

// TestForms: the same logs in whatever form they come are the same sources.
func TestForms(t *testing.T) {
	files, c, e := site()
	base := t.TempDir()
	put(t, filepath.Join(base, "logs"), files...)
	packed := gz(tarOf(files...))
	half := len(files) / 2
	put(t, base, file{"diag.tar.gz", packed}, file{"diag.tgz.bin", packed}, file{"diag.tar", tarOf(files...)}, file{"diag.zip", zipOf(files...)},
		file{"nested.tar.gz", gz(tarOf(file{"expc01.tar.gz", gz(tarOf(files[:4]...))}, file{"expe01.tar.gz", gz(tarOf(files[4:]...))}))},
		file{"mixed/c.tar.gz", gz(tarOf(files[:4]...))}, file{"mixed/expe01/network_log", e}, file{"mixed/expe01/messages", files[half].b})
	for _, tt := range []struct {
		arg  string
		c, e string
	}{
		{"logs", "expc01/network_log (3 files)", "expe01/network_log"},
		{"diag.tar.gz", "diag.tar.gz/expc01/network_log (3 files)", "diag.tar.gz/expe01/network_log"},
		{"diag.tgz.bin", "diag.tgz.bin/expc01/network_log (3 files)", "diag.tgz.bin/expe01/network_log"},
		{"diag.tar", "diag.tar/expc01/network_log (3 files)", "diag.tar/expe01/network_log"},
		{"diag.zip", "diag.zip/expc01/network_log (3 files)", "diag.zip/expe01/network_log"},
		{"nested.tar.gz", "nested.tar.gz/expc01.tar.gz/expc01/network_log (3 files)", "nested.tar.gz/expe01.tar.gz/expe01/network_log"},
		{"mixed", "c.tar.gz/expc01/network_log (3 files)", "expe01/network_log"},
	} {
		t.Run(tt.arg, func(t *testing.T) {
			s := mustOpen(t, filepath.Join(base, tt.arg))
			if got := contents(t, byFile(t, s, tt.c)); !bytes.Equal(got, c) {
				t.Errorf("%d bytes of C, want %d", len(got), len(c))
			}
			if got := contents(t, byFile(t, s, tt.e)); !bytes.Equal(got, e) {
				t.Errorf("%d bytes of E, want %d", len(got), len(e))
			}
			if len(s.Sources) != 3 {
				t.Errorf("%d sources: %+v", len(s.Sources), s.Sources)
			}
			checkPlaces(t, s, c)
		})
	}
}

// checkPlaces holds the places and texts of records of the joined log against it.
func checkPlaces(t *testing.T, s *Set, joined []byte) {
	t.Helper()
	i := slices.IndexFunc(s.Sources, func(src registration.Source) bool { return strings.HasSuffix(src.File, "(3 files)") })
	rep := &registration.Report{Phones: []registration.Phone{{Transactions: []registration.Transaction{{Hops: []registration.Hop{{}}}}}}}
	hop := &rep.Phones[0].Transactions[0].Hops[0]
	var want []string
	for at := 0; at < len(joined); {
		end := at + bytes.Index(joined[at:], []byte("\n\n")) + 2
		hop.Proofs = append(hop.Proofs, registration.Proof{File: s.Sources[i].File, Offset: int64(at), Length: int64(end - at)})
		want = append(want, string(joined[at:end]))
		at = end
	}
	s.Settle(rep)
	text := s.Text(rep)
	names := map[string]int{}
	for i := len(want) - 1; i >= 0; i-- { // in no order of their own
		p := hop.Proofs[i]
		names[filepath.Base(p.File)]++
		if got, err := text(p); err != nil || string(got) != want[i] {
			t.Fatalf("%+v: %q, %v, want %q", p, got, err, want[i])
		}
	}
	if len(names) != 3 || names["network_log"] != 40 || names["network_log.1"] != 40 {
		t.Errorf("places: %v", names)
	}
	if _, err := text(registration.Proof{File: "/etc/passwd", Length: 10}); err == nil {
		t.Error("a file that is no source was read")
	}
}

// TestLoose: files are taken by name, siblings joined, snapshots and a syslog server's
// files each for themselves.
func TestLoose(t *testing.T) {
	dir := t.TempDir()
	a, b := someLog(1, 5, "a"), someLog(2, 5, "b")
	put(t, dir, file{"network_log", b}, file{"network_log.1", a}, file{"x/network_log", a}, file{"loggingsnapshot_expc01_2026.txt", a}, file{"expe01.log", b},
		file{"diag.tar.gz", gz(tarOf(file{"loggingsnapshot_expe01_2026.txt", b}, file{"xconf_dump.txt", []byte("xConfiguration\n")}))})
	var args []string
	for _, n := range []string{"network_log", "network_log.1", "x/network_log", "loggingsnapshot_expc01_2026.txt", "expe01.log", "diag.tar.gz"} {
		args = append(args, filepath.Join(dir, n))
	}
	s := mustOpen(t, args...)
	var names, fams []string
	for _, src := range s.Sources {
		names, fams = append(names, strings.TrimPrefix(src.File, filepath.ToSlash(dir)+"/")), append(fams, src.Family)
		if src.Host != "" || src.Role != "" {
			t.Errorf("%+v", src)
		}
	}
	want := []string{"network_log (2 files)", "x/network_log", "loggingsnapshot_expc01_2026.txt", "expe01.log", "diag.tar.gz/loggingsnapshot_expe01_2026.txt"}
	if slices.Sort(names); !slices.Equal(names, sorted(want)) {
		t.Errorf("%q\nwant %q (%q)", names, want, s.Notes())
	}
	if slices.Sort(fams); !slices.Equal(fams, []string{"", "loggingsnapshot", "loggingsnapshot", "network_log", "network_log"}) {
		t.Errorf("families %q", fams)
	}
	// alone, a file bears its own name only
	if s := mustOpen(t, args[2]); s.Sources[0].File != "network_log" {
		t.Errorf("%+v", s.Sources[0])
	}
}

func sorted(s []string) []string { slices.Sort(s); return s }

// TestNoLog: what is no log is named, and nothing comes of it.
func TestNoLog(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, file{"notes.txt", []byte("hello\n")}, file{"network_log", nil}, file{"syslog", []byte("Mar  2 09:14:07 host kernel: hello\n")},
		file{"empty/x.txt", nil}, file{"no.tar.gz", gz(tarOf(file{"x", []byte("y")}))}, file{"bad.gz", []byte("\x1f\x8b\x08 not gzip")}, file{"bad.zip", []byte("PK\x03\x04 not a zip")})
	for name, why := range map[string]string{"notes.txt": "no record begins", "network_log": "empty", "syslog": "no Expressway module", "empty": "no Expressway log", "no.tar.gz": "no Expressway log",
		"bad.gz": "bad.gz", "bad.zip": "bad.zip", "absent": "absent"} {
		s, err := open(t, filepath.Join(dir, name))
		if err == nil || s != nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", name, err)
		}
		if want := name != "absent" && !strings.HasPrefix(name, "bad"); errors.Is(err, ErrNoLog) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := open(t, filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestCut: what can be read of a damaged file counts, and a note says so.
func TestCut(t *testing.T) {
	dir := t.TempDir()
	var long []byte
	for i := range 60 {
		long = append(long, someLog(i, 60, strings.Repeat("x", i))...)
	}
	z, tz := gz(long), gz(tarOf(file{"network_log", long}))
	put(t, dir, file{"network_log.gz", z[:len(z)/2]}, file{"diag.tar.gz", tz[:len(tz)/2]})
	for _, name := range []string{"network_log.gz", "diag.tar.gz"} {
		s := mustOpen(t, filepath.Join(dir, name))
		if len(s.Sources) != 1 {
			t.Fatalf("%s: %+v", name, s.Sources)
		}
		got := contents(t, s.Sources[0])
		if len(got) < len(long)/4 || !bytes.HasPrefix(long, got) || !strings.Contains(strings.Join(s.Notes(), "\n"), "cut off") {
			t.Errorf("%s: %d of %d bytes, notes %q", name, len(got), len(long), s.Notes())
		}
	}
}

// TestHostile: nothing of an archive becomes a path, links are not followed, and a
// bomb ends with an error.
func TestHostile(t *testing.T) {
	defer func(n int64) { alwaysSpool = n }(alwaysSpool)
	alwaysSpool = 1 << 20
	dir := t.TempDir()
	log := someLog(1, 5, "x")
	evil := []file{{"../../evil/network_log", log}, {"/abs/network_log", log}, {`c:\win\network_log`, log}, {"con\x1b[31m/network_log.1", someLog(2, 5, "y")}}
	put(t, dir, file{"evil.tar.gz", gz(tarOf(evil...))}, file{"evil.zip", zipOf(evil...)},
		file{"bomb.tar.gz", gz(tarOf(file{"network_log", bytes.Repeat(log[:len(log)/5], 8<<20/(len(log)/5))}))},
		file{"zeros.tgz", gz(tarOf(file{"network_log", make([]byte, 8<<20)}))},
		file{"in/secret", []byte("s")})
	for _, name := range []string{"evil.tar.gz", "evil.zip"} {
		s := mustOpen(t, filepath.Join(dir, name))
		for _, src := range s.Sources {
			if strings.Contains(src.File, "..") || strings.ContainsAny(src.File, "\\\x1b") || !strings.HasPrefix(src.File, name+"/") {
				t.Errorf("%s: %q", name, src.File)
			}
			contents(t, src)
		}
	}
	for _, name := range []string{"bomb.tar.gz", "zeros.tgz"} {
		if _, err := open(t, filepath.Join(dir, name)); !errors.Is(err, errTooMuch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, os.WriteFile(filepath.Join(dir, "network_log"), log, 0o600))
	if err := os.Symlink(filepath.Join(dir, "network_log"), filepath.Join(dir, "in", "network_log")); err == nil {
		if s, err := open(t, filepath.Join(dir, "in")); !errors.Is(err, ErrNoLog) {
			t.Errorf("a link was followed: %v, %v", s, err)
		}
	}
}
