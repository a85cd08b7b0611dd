package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/seal"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/wiring"
)

// exported is the JSON of grab export.
type exported struct {
	File     string
	Messages int64
	Masked   int64
	Twice    int64 `json:"duplicates"`
	First    *time.Time
	Hosts    []struct{ Host string }
	LeftOut  []any `json:"left_out"`
	Notes    []string
}

func decodeExport(t *testing.T, r result) (e exported) {
	t.Helper()
	if r.code != advice.OK {
		t.Fatal(r)
	}
	r.decode(t, &e)
	return e
}

// TestExport: the same messages from a folder with rotated and compressed logs, from a
// bundle, and from both at once; a bundle that is to have the file has the same bytes.
func TestExport(t *testing.T) {
	t.Parallel()
	testrace.Without(t)
	l := newReportLab(t)
	job := l.job(t, t.TempDir())
	made, err := wiring.Sealer(config.Bundle{Format: "zip", PCAPNG: true}, analysis.New(), seal.Ring{})(t.Context(), job)
	path := made.Path
	if err != nil {
		t.Fatal(err)
	}
	if res, err := bundle.Verify(t.Context(), path); err != nil || !res.OK {
		t.Fatalf("%+v, %v", res.Bad, err)
	}
	out := t.TempDir()
	file := func(name string) string { return filepath.Join(out, name) }
	b := decodeExport(t, runGrab("export", "--json", "--pcapng", file("bundle.pcapng"), path))
	if b.Messages < 100 || b.Masked == 0 || b.Twice != 0 || len(b.Hosts) != 2 || len(b.Notes) != 0 || b.File != file("bundle.pcapng") {
		t.Errorf("%+v", b)
	}
	if !bytes.Equal(entry(t, path, "report/sip.pcapng"), l.file(t, b.File)) {
		t.Error("the bundle's file is not what is exported from it")
	}
	if !bytes.Contains(entry(t, path, "manifest-sha256.txt"), []byte("report/sip.pcapng")) || !bytes.Contains(entry(t, path, "README.txt"), []byte("grab export --pcapng sip.pcapng ")) {
		t.Error("neither sum nor README.txt speaks of it")
	}
	if runtime.GOOS != "windows" {
		if st, err := os.Stat(b.File); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", st, err)
		}
	}
	if d := decodeExport(t, runGrab("export", "--json", "--pcapng", file("dir.pcapng"), l.dir)); d.Messages != b.Messages {
		t.Errorf("%d messages in the folder, %d in the bundle", d.Messages, b.Messages)
	}
	text := l.file(t, file("dir.pcapng"))
	if !bytes.Contains(text, []byte("expc01/network_log.")) || !bytes.Contains(text, []byte(".gz byte ")) {
		t.Error("no packet names a rotated file")
	}
	if d := decodeExport(t, runGrab("export", "--json", "--pcapng", file("dir.pcapng"), l.dir, path)); d.Messages != b.Messages || d.Twice != b.Messages {
		t.Errorf("given twice: %+v", d)
	}
	phone := decodeExport(t, runGrab("export", "--json", "--raw", "--phone", l.victim.Device, "--since", b.First.Add(time.Minute).Format(time.RFC3339), "--pcapng", file("phone.pcapng"), path))
	if phone.Messages == 0 || phone.Messages > b.Messages/3 || phone.First.Before(b.First.Add(time.Minute)) || phone.Masked != 0 {
		t.Errorf("of one phone: %+v", phone)
	}
	if r := runGrab("export", "--pcapng", file("words.pcapng"), path); r.code != advice.OK || !strings.Contains(r.out, "messages of SIP") || !strings.Contains(r.out, "expe01") {
		t.Errorf("%s", r)
	}
}

// TestExportFails: the reason is said, and no file is left behind or overwritten.
func TestExportFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	info := filepath.Join(dir, "network_log")
	f, err := os.Create(info)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lab.WriteLog(f, lab.BulkOptions{Since: time.Now(), Size: 50 << 10, Log: lab.LogConfig{Level: "INFO"}}); err != nil {
		t.Fatal(err)
	}
	f.Close()
	was, err := os.Stat(info)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "sip.pcapng")
	for _, c := range []struct {
		args string
		code int
		says []string
	}{
		{"--pcapng " + out + " " + info, advice.Failed, []string{"INFO", "hint: log network.sip at DEBUG"}},
		{"--pcapng " + info + " " + info, advice.BadUsage, []string{"is also an input"}},
		{"--pcapng " + dir + " " + info, advice.BadUsage, []string{"is not a file"}},
		{"--pcapng " + filepath.Join(dir, "none", "x") + " " + info, advice.BadUsage, []string{"--pcapng"}},
		{info, advice.BadUsage, []string{"missing --pcapng"}},
		{"--pcapng " + out, advice.BadUsage, []string{"missing BUNDLE"}},
		{"--pcapng " + out + " --since yesterday " + info, advice.BadUsage, []string{`--since "yesterday"`}},
		{"--pcapng " + out + " --since 2026-03-02T14:00:00Z --until 2026-03-02T13:00:00Z " + info, advice.BadUsage, []string{"--since is not before --until"}},
	} {
		r := runGrab(append([]string{"export"}, strings.Fields(c.args)...)...)
		for _, s := range c.says {
			if r.code != c.code || !strings.Contains(r.err, s) {
				t.Errorf("%s: %s", c.args, r)
			}
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if now, err := fs.Stat(os.DirFS(dir), "network_log"); err != nil || now.Size() != was.Size() {
		t.Errorf("%v, %v", now, err)
	}
}
