package masking

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"strings"
	"testing"

	"rtmtgrab/internal/lab/scenario"
	"rtmtgrab/internal/testrace"
)

// TestEverywhere: of a user and her phone nothing is left in a bundle in whose logs, long
// lines, packed files, their names and comments they stand.
func TestEverywhere(t *testing.T) {
	testrace.Without(t)
	t.Parallel()
	m := newMasker(t)
	b := rawOf(t, brief(t), "hq", 0)
	const device = "SEPA0B2C3D4E5F6"
	const head = "2026-03-02T09:14:07.512-05:00 kiwibox7 tvcs: UTCTime=\"2026-03-02 14:14:07,511\" Module=\"network.sip\" Level=\"DEBUG\": "
	short := strings.Repeat(head+"Detail=\"From: Quentin Walrus <sip:7766554@zulu9.kilo.example>\" User=\"quentin\" Src-ip=\"10.77.66.55\"\n", 10)
	log := short + head + "Big=\"" + strings.Repeat(device+" quentin 10.77.66.55,", 100_000) + "\"\n" + // longer than what is masked at once
		head + "Big=" + strings.Repeat("a", 3<<20) + "=" + device + "=10.77.66.55" + strings.Repeat("b.", 1<<20) + "\n" +
		head + "Nul=\x00\x00\x00\xff\xfe sip:7766554@10.77.66.55\r\ncut " + device[:9]
	b.add(&b.Manifest, scenario.Log{Host: "kiwibox7", Role: "C", Family: "network_log"}, []byte(log))
	gz := gzipOf(t, "quentin-"+device+".log", short)
	for name, text := range map[string][]byte{
		"cucm-" + device + "-quentin.txt": []byte(short), "x.gz": gz, "traces.zip": zipOf(t, device, short, gz), "prt.tar.gz": []byte("\x1f\x8bnope"),
		"devices.csv": []byte("Device Name,Description,User ID\n" + device + ",Walrus Quentin,quentin\n"),
		"ris.json":    []byte(`{"Name":"` + device + `","IPAddress":{"item":[{"IP":"10.77.66.55"}]},"LoginUserId":"quentin","DirNumber":"7766554-Registered"}`),
	} {
		b.Reports = append(b.Reports, textPart("report/"+name, text))
	}
	made := m.masks(t, Request{Path: b.in(t, m, ".zip")})
	if len(made.LeftOut) != 3 { // two problem reports, and the reason
		t.Errorf("left out: %v", made.LeftOut)
	}
	whole, err := os.ReadFile(made.File)
	must(t, err)
	noneIn(t, "the archive", whole)
	for name, text := range entries(t, made.File) {
		noneIn(t, "the name "+name, []byte(name))
		unpacked(t, name, text)
	}
	if again := m.masks(t, Request{Path: made.File}); again.SHA256 != made.SHA256 {
		t.Error("masked again it is another one")
	}
}

func noneIn(t *testing.T, where string, text []byte) {
	t.Helper()
	low := bytes.ToLower(text)
	for _, raw := range []string{"quentin", "walrus", "zulu9", "kiwibox7", "a0b2c3d4e5f6", "10.77.66.55", "7766554"} {
		if i := bytes.Index(low, []byte(raw)); i >= 0 {
			t.Errorf("%s: %s is left: %q", where, raw, low[max(0, i-60):min(len(low), i+40)])
		}
	}
}

// unpacked looks through a file, and what is packed in it.
func unpacked(t *testing.T, name string, text []byte) {
	t.Helper()
	noneIn(t, name, text)
	switch {
	case strings.HasSuffix(name, ".gz"):
		z, err := gzip.NewReader(bytes.NewReader(text))
		must(t, err)
		inner, err := io.ReadAll(z)
		must(t, err)
		noneIn(t, name+", within", inner)
		noneIn(t, name+", its header", []byte(z.Name+z.Comment))
	case strings.HasSuffix(name, ".zip"):
		z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
		must(t, err)
		noneIn(t, name+", its comment", []byte(z.Comment))
		for _, e := range z.File {
			noneIn(t, name+", an entry", []byte(e.Name+e.Comment+string(e.Extra)))
			r, err := e.Open()
			must(t, err)
			inner, err := io.ReadAll(r)
			must(t, err)
			unpacked(t, e.Name, inner)
		}
	}
}

func gzipOf(t *testing.T, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Name, z.Comment = name, name
	_, err := z.Write([]byte(text))
	must(t, err)
	must(t, z.Close())
	return b.Bytes()
}

// zipOf is an archive with a text, one that is packed and a problem report.
func zipOf(t *testing.T, device, text string, gz []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	must(t, z.SetComment("by quentin of zulu9.kilo.example"))
	for _, e := range []struct{ name, text string }{{device + "/quentin/sdl.txt", text}, {"10.77.66.55/x.txt.gz", string(gz)}, {"prt-" + device + ".zip", text}} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: e.name, Comment: "quentin", Method: zip.Deflate})
		must(t, err)
		_, err = io.WriteString(w, e.text)
		must(t, err)
	}
	must(t, z.Close())
	return b.Bytes()
}
