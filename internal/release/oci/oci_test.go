package oci

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var made = Release{Version: "1.2.3", Revision: "abc", Source: "https://example.com/grab", Created: "2026-03-02T14:14:07Z"}

// layer is a layer of tar headers; each file says its own name.
func layer(t *testing.T, headers ...tar.Header) (unpacked []byte) {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		h.Typeflag = tar.TypeDir
		if !strings.HasSuffix(h.Name, "/") {
			h.Typeflag, h.Size = tar.TypeReg, int64(len(h.Name))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			fmt.Fprint(w, h.Name)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// honest are the files of grab's image.
func honest() (headers []tar.Header) {
	for _, dir := range []string{"etc", "etc/grab", "etc/ssl", "etc/ssl/certs", "usr", "usr/bin", "usr/share", "usr/share/doc", "usr/share/doc/grab", "var", "var/lib"} {
		headers = append(headers, tar.Header{Name: dir + "/", Mode: 0o755})
	}
	headers = append(headers, tar.Header{Name: "tmp/", Mode: 0o1777}, tar.Header{Name: "var/lib/grab/", Mode: 0o700, Uid: 65532, Gid: 65532},
		tar.Header{Name: "usr/bin/grab", Mode: 0o755})
	for _, file := range []string{"etc/group", "etc/passwd", "etc/ssl/certs/ca-certificates.crt", "usr/share/doc/grab/LICENSE", "usr/share/doc/grab/grab.example.yaml",
		"usr/share/doc/grab/sbom.cdx.json", "usr/share/doc/grab/third-party.txt"} {
		headers = append(headers, tar.Header{Name: file, Mode: 0o644})
	}
	return headers
}

// lie is what a layout has in place of the truth; nil: the truth.
type lie struct {
	config   func(c map[string]any, image map[string]any) // of the configuration and what it says of running
	files    func(h []tar.Header) []tar.Header
	manifest func(m map[string]any)
	index    func(i map[string]any)
	blobs    func(b map[string][]byte) // after everything else, by digest
}

// write makes a layout of one architecture.
func (l lie) write(t *testing.T) string {
	t.Helper()
	blobs := map[string][]byte{}
	put := func(mediaType string, data []byte) map[string]any {
		sum := sha256.Sum256(data)
		blobs[hex.EncodeToString(sum[:])] = data
		return map[string]any{"mediaType": mediaType, "digest": "sha256:" + hex.EncodeToString(sum[:]), "size": len(data)}
	}
	document := func(v map[string]any, change func(map[string]any)) []byte {
		if change != nil {
			change(v)
		}
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}

	files := honest()
	if l.files != nil {
		files = l.files(files)
	}
	unpacked := layer(t, files...)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(unpacked)
	z.Close()
	sum := sha256.Sum256(unpacked)

	image := map[string]any{"User": "65532:65532", "Entrypoint": []string{"/usr/bin/grab"}, "Cmd": []string{"watch"}, "Env": []string{"GRAB_CONFIG=/etc/grab/grab.yaml"},
		"Volumes": map[string]any{"/var/lib/grab": map[string]any{}}, "Labels": map[string]any{"org.opencontainers.image.version": "1.2.3", "org.opencontainers.image.revision": "abc",
			"org.opencontainers.image.source": "https://example.com/grab", "org.opencontainers.image.created": "2026-03-02T14:14:07Z", "org.opencontainers.image.licenses": "Apache-2.0", "org.opencontainers.image.title": "grab"}}
	config := document(map[string]any{"architecture": "amd64", "os": "linux", "config": image, "rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}}},
		func(c map[string]any) {
			if l.config != nil {
				l.config(c, image)
			}
		})
	manifest := put(manifestType, document(map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": put(configType, config), "layers": []any{put(layerType, packed.Bytes())}}, l.manifest))
	manifest["platform"] = map[string]any{"os": "linux", "architecture": "amd64"}
	of := put(indexType, document(map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": []any{manifest}}, l.index))
	of["annotations"] = map[string]any{"org.opencontainers.image.ref.name": "1.2.3"}
	top := document(map[string]any{"schemaVersion": 2, "manifests": []any{of}}, nil)
	if l.blobs != nil {
		l.blobs(blobs)
	}

	entries := map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion": "1.0.0"}`), "index.json": top}
	for sum, data := range blobs {
		entries["blobs/sha256/"+sum] = data
	}
	return tarOf(t, entries)
}

func tarOf(t *testing.T, entries map[string][]byte) string {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, data := range entries {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		w.Write(data)
	}
	w.Close()
	name := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// faultsOf is all that is said of a layout.
func faultsOf(t *testing.T, file string) (faults []string) {
	t.Helper()
	l, err := Open(file, t.TempDir())
	if err != nil {
		return []string{err.Error()}
	}
	images, err := l.Images()
	if err != nil {
		return []string{err.Error()}
	}
	for arch, i := range images {
		files, err := i.Unpack(t.TempDir())
		if err != nil {
			return []string{err.Error()}
		}
		faults = slices.Concat(faults, i.Faults(made, arch), FileFaults(files, arch))
	}
	return faults
}

func TestHonest(t *testing.T) {
	if faults := faultsOf(t, lie{}.write(t)); len(faults) > 0 {
		t.Errorf("an honest image: %q", faults)
	}
}

// TestLies: whatever an image says or has that is not so is named.
func TestLies(t *testing.T) {
	runs := func(key string, v any) lie { return lie{config: func(_, image map[string]any) { image[key] = v }} }
	label := func(key, v string) lie {
		return lie{config: func(_, image map[string]any) { image["Labels"].(map[string]any)["org.opencontainers.image."+key] = v }}
	}
	more := func(h ...tar.Header) lie {
		return lie{files: func(headers []tar.Header) []tar.Header { return append(headers, h...) }}
	}
	other := func(name string, change func(*tar.Header)) lie {
		return lie{files: func(headers []tar.Header) []tar.Header {
			change(&headers[slices.IndexFunc(headers, func(h tar.Header) bool { return h.Name == name })])
			return headers
		}}
	}
	for name, tt := range map[string]struct {
		lie  lie
		want string
	}{
		"root":              {runs("User", ""), `it runs as user ""`},
		"another command":   {runs("Cmd", []string{"demo"}), "want grab watch"},
		"no entrypoint":     {runs("Entrypoint", nil), "want grab watch"},
		"no volume":         {runs("Volumes", nil), "want the store alone"},
		"a port":            {runs("ExposedPorts", map[string]any{"80/tcp": map[string]any{}}), "80/tcp"},
		"environment":       {runs("Env", []string{}), "does not name the configuration"},
		"version":           {label("version", "1.2.4"), `version is "1.2.4"`},
		"revision":          {label("revision", ""), `revision is ""`},
		"source":            {label("source", "https://example.com/other"), "source is"},
		"licences":          {label("licenses", "MIT"), `licenses is "MIT"`},
		"architecture":      {lie{config: func(c, _ map[string]any) { c["architecture"] = "arm64" }}, "says linux/arm64, the index linux/amd64"},
		"content":           {lie{config: func(c, _ map[string]any) { c["rootfs"].(map[string]any)["diff_ids"] = []string{"sha256:00"} }}, "layer 1: the configuration says that it unpacks to sha256:00"},
		"no kind of layers": {lie{config: func(c, _ map[string]any) { c["rootfs"].(map[string]any)["type"] = "" }}, `1 "", the manifest 1 layers`},
		"fewer layers":      {lie{manifest: func(m map[string]any) { m["layers"] = []any{} }}, "the manifest 0 layers"},
		"a size":            {lie{manifest: func(m map[string]any) { m["config"].(map[string]any)["size"] = 1 }}, "the configuration: has"},
		"media type":        {lie{manifest: func(m map[string]any) { m["config"].(map[string]any)["mediaType"] = "text/plain" }}, "the media type is text/plain"},
		"no platform":       {lie{index: func(i map[string]any) { delete(i["manifests"].([]any)[0].(map[string]any), "platform") }}, "want one for each architecture"},
		"one more file":     {more(tar.Header{Name: "usr/bin/sh", Mode: 0o755}), "nobody expects usr/bin/sh"},
		"out of the image":  {more(tar.Header{Name: "../evil", Mode: 0o644}), `"../evil"`},
		"twice":             {more(tar.Header{Name: "usr/bin/grab", Mode: 0o755}), "each path once"},
		"set-uid":           {other("usr/bin/grab", func(h *tar.Header) { h.Mode = 0o4755 }), "usr/bin/grab has mode urwxr-xr-x"},
		"the user's":        {other("usr/bin/grab", func(h *tar.Header) { h.Uid, h.Gid = 65532, 65532 }), "owner 65532, want"},
		"open store":        {other("var/lib/grab/", func(h *tar.Header) { h.Mode = 0o777 }), "var/lib/grab has mode"},
		"no authorities":    {other("etc/ssl/certs/ca-certificates.crt", func(h *tar.Header) { h.Name = "etc/ssl/certs/other.crt" }), "there is no etc/ssl/certs/ca-certificates.crt"},
		"a stranger":        {lie{blobs: func(b map[string][]byte) { b["00"] = []byte("x") }}, "blobs/sha256/00 belongs to nothing"},
		"a changed blob": {lie{blobs: func(b map[string][]byte) {
			for sum, data := range b {
				if data[0] == 0x1f { // the layer
					b[sum] = append(slices.Clone(data), 0)
				}
			}
		}}, "but what lies there has"},
	} {
		t.Run(name, func(t *testing.T) {
			faults := faultsOf(t, tt.lie.write(t))
			if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, tt.want) }) {
				t.Errorf("said %q, want %q", faults, tt.want)
			}
		})
	}
}
