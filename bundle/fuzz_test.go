package bundle

import (
	"bytes"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzName: a name that passes is a plain relative path of the known shapes, on
// every system.
func FuzzName(f *testing.F) {
	for _, name := range []string{
		"t/README.txt", "t/manifest.json", "t/manifest-sha256.txt", "t/alerts/3fa2.eml", "t/hosts/expc01/network_log.txt", "t/report/registration.html",
		"../x", "/etc/passwd", "t/../x", `t\x`, "C:/x", "t/hosts/nul/a.txt", "t/alerts/con.eml", "t/report/aux.html", "t/report/a:b", "t//README.txt",
		"t/hosts/a/b/c.txt", "t/report/..", "t/report/.x", "t/alerts/\x00.eml", "t/README.txt/", "t./README.txt", strings.Repeat("x", 200) + "/README.txt",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		top, inside, err := splitTop(name)
		if err != nil {
			return
		}
		if top+"/"+inside != name || path.Clean(name) != name || !filepath.IsLocal(name) || len(name) > 400 {
			t.Errorf("%q passes", name)
		}
		for _, r := range name {
			if r <= ' ' || r > '~' || strings.ContainsRune(`\:*?"<>|`, r) {
				t.Errorf("%q passes with %q", name, r)
			}
		}
		for part := range strings.SplitSeq(name, "/") {
			stem, _, _ := strings.Cut(strings.ToUpper(part), ".")
			if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".") || strings.Contains("|CON|PRN|AUX|NUL|COM1|LPT9|", "|"+stem+"|") {
				t.Errorf("%q passes", name)
			}
		}
	})
}

// FuzzVerify: a bundle of which any bytes were replaced, inserted or cut off
// never panics and is OK only if it is the original; with the seal made right
// again it is OK only if every file in it is.
func FuzzVerify(f *testing.F) {
	original := map[format][]byte{formatZip: tiny(f, ".zip"), formatTarZst: tiny(f, ".tar.zst"), formatTarGz: tiny(f, ".tar.gz")}
	contents := map[format]map[string]string{}
	for kind, b := range original {
		contents[kind] = sumsOf(f, kind, b)
	}
	for kind := range formats {
		f.Add(uint(kind), uint(0), uint(0), []byte{})
		f.Add(uint(kind), uint(30), uint(5), []byte("../../"))
		f.Add(uint(kind), uint(40), uint(3), []byte("/.."))
		f.Add(uint(kind), uint(2000), uint(1), []byte{0xff})
		f.Add(uint(kind), uint(3700), uint(4), []byte{0xff, 0xff, 0xff, 0xff})
	}
	f.Fuzz(func(t *testing.T, as, from, length uint, with []byte) {
		kind := format(as % uint(len(formats)))
		b := original[kind]
		i := from % uint(len(b)+1)
		j := min(i+length%64, uint(len(b)))
		c := append(append(append([]byte{}, b[:i]...), with...), b[j:]...)
		if res := verifyBytes(t, kind, c); res.OK != bytes.Equal(b, c) {
			t.Errorf("OK is %v: %v", res.OK, res.Bad)
		}
		c = reseal(kind, c)
		if res := verifyBytes(t, kind, c); res.OK {
			got := sumsOf(t, kind, c)
			if len(got) != len(contents[kind]) {
				t.Errorf("%d files instead of %d are OK", len(got), len(contents[kind]))
			}
			for name, sum := range contents[kind] {
				if got[name] != sum {
					t.Errorf("%s is not the original and OK", name)
				}
			}
		}
	})
}

// FuzzArchive: arbitrary bytes never panic and are never OK.
func FuzzArchive(f *testing.F) {
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, 1, 0, 0})
	f.Add([]byte(string(gzipHead(0)) + gzipTail + string(gzipSeal()) + gzipTail))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range []format{formatZip, formatTarZst, formatTarGz} {
			if res := verifyBytes(t, kind, b); res.OK {
				t.Error("OK")
			}
		}
	})
}

// reseal puts the right digits at the end.
func reseal(f format, b []byte) []byte {
	if len(b) < sealDigits+len(sealTail(f)) {
		return b
	}
	var out bytes.Buffer
	w := newSealWriter(f, &out)
	w.Write(b[:len(b)-len(sealTail(f))])
	w.finish()
	return out.Bytes()
}

func sumsOf(t testing.TB, kind format, b []byte) map[string]string {
	t.Helper()
	c := &check{archive: "a", ctx: t.Context(), names: nameSet{}, got: map[string]*meter{}}
	if err := walk(t.Context(), kind, bytes.NewReader(b), int64(len(b)), c.visit); err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for name, m := range c.got {
		sums[name] = m.sum()
	}
	return sums
}
