package main

import (
	"bytes"
	"encoding/pem"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// user is who the program is in the image: a number, so that nothing has to look it up, and none
// that a system has by itself.
const user = 65532

const store = "/var/lib/grab"

// entry is a file or folder of the image, always of modes and owners that are said here.
type entry struct {
	path  string // without a slash before it
	mode  int64
	owner int
	data  []byte // nil: a folder
}

// content of an image: base is what each release has alike, program what is its own.
func (r release) content(arch string) (base, program []entry, err error) {
	passwd := []byte("root:x:0:0:root:/:/sbin/nologin\ngrab:x:65532:65532:grab:" + store + ":/sbin/nologin\n")
	group := []byte("root:x:0:\ngrab:x:65532:\n")
	base = []entry{
		{"etc", 0o755, 0, nil},
		{"etc/grab", 0o755, 0, nil},
		{"etc/group", 0o644, 0, group},
		{"etc/passwd", 0o644, 0, passwd},
		{"etc/ssl", 0o755, 0, nil},
		{"etc/ssl/certs", 0o755, 0, nil},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, 0, authorities()},
		{"tmp", 0o1777, 0, nil},
		{"var", 0o755, 0, nil},
		{"var/lib", 0o755, 0, nil},
		{"var/lib/grab", 0o700, user, nil},
	}

	program = []entry{{"usr", 0o755, 0, nil}, {"usr/bin", 0o755, 0, nil}}
	for _, f := range []struct {
		from, to string
		mode     int64
	}{
		{"grab", "usr/bin/grab", 0o755},
		{"", "usr/share", 0o755},
		{"", "usr/share/doc", 0o755},
		{"", "usr/share/doc/grab", 0o755},
		{"LICENSE", "usr/share/doc/grab/LICENSE", 0o644},
		{"configs/grab.example.yaml", "usr/share/doc/grab/grab.example.yaml", 0o644},
		{"sbom.cdx.json", "usr/share/doc/grab/sbom.cdx.json", 0o644},
		{"third-party.txt", "usr/share/doc/grab/third-party.txt", 0o644},
	} {
		e := entry{f.to, f.mode, 0, nil}
		if f.from != "" {
			if e.data, err = os.ReadFile(filepath.Join(r.folders[arch], f.from)); err != nil {
				return nil, nil, err
			}
		}
		program = append(program, e)
	}
	return base, program, nil
}

// authorities are those of the Mozilla programme, as golang.org/x/crypto/x509roots has them. Those
// that it trusts for certificates up to a day alone are left out: a file cannot say that.
func authorities() []byte {
	out := bytes.NewBufferString("# Certificate authorities of the Mozilla programme, Mozilla Public License 2.0,\n# as golang.org/x/crypto/x509roots has them.\n")
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
		}
	}
	return out.Bytes()
}

// config is how the image is run, if nobody says otherwise, and what it says of itself.
func (r release) config(arch string) *v1.ConfigFile {
	return &v1.ConfigFile{
		Architecture: arch,
		OS:           "linux",
		Author:       "the authors of grab",
		Created:      v1.Time{Time: r.date},
		RootFS:       v1.RootFS{Type: "layers"},
		Config: v1.Config{
			User:       "65532:65532",
			Entrypoint: []string{"/usr/bin/grab"},
			Cmd:        []string{"watch"},
			Env:        []string{"PATH=/usr/bin", "HOME=" + store, "GRAB_CONFIG=/etc/grab/grab.yaml"},
			WorkingDir: store,
			Volumes:    map[string]struct{}{store: {}},
			Labels:     r.labels(),
		},
	}
}

func (r release) labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       "grab",
		"org.opencontainers.image.description": "takes Expressway logs when phones are partially registered",
		"org.opencontainers.image.version":     r.version,
		"org.opencontainers.image.revision":    r.revision,
		"org.opencontainers.image.created":     r.date.Format("2006-01-02T15:04:05Z"),
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.source":      r.source,
		"org.opencontainers.image.vendor":      "the authors of grab",
	}
}
