// Package oci looks at the container image of a release, which is an OCI layout in a tar.
//
// It knows nothing of what made the image: it follows every digest by itself, and says by name what
// is not as grab's image has to be. It looks at files that a release has just made, on the machine
// that made them; of layouts in general it knows what such a file has and no more.
package oci

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The kinds of documents and blobs.
const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// largest is what a document may have, and fullest what the whole file unpacks to.
const (
	largest = 1 << 20
	fullest = 1 << 30
)

// A Layout is an image whose blobs lie in a folder.
type Layout struct {
	dir  string
	seen map[string]bool // digests that something names
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Platform    *platform         `json:"platform"`
	Annotations map[string]string `json:"annotations"`
}

type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
}

type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

// Open unpacks a layout into a folder.
func Open(file, dir string) (*Layout, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	left := int64(fullest)
	r := tar.NewReader(f)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return &Layout{dir: dir, seen: map[string]bool{}}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		if h.Typeflag != tar.TypeReg || !filepath.IsLocal(h.Name) {
			return nil, fmt.Errorf("%s: %s is no file of a layout", file, h.Name)
		}
		if left -= h.Size; left < 0 {
			return nil, fmt.Errorf("%s: more than %d bytes", file, fullest)
		}
		if err := write(filepath.Join(dir, filepath.FromSlash(h.Name)), r, 0o600); err != nil {
			return nil, err
		}
	}
}

func write(name string, r io.Reader, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// document reads a JSON file of the layout.
func (l *Layout) document(name string, to any) error {
	f, err := os.Open(filepath.Join(l.dir, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := json.NewDecoder(io.LimitReader(f, largest)).Decode(to); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// blob is the name of a blob's file in the layout, if it is what its descriptor says.
func (l *Layout) blob(what string, d descriptor, want string) (string, error) {
	l.seen[d.Digest] = true
	if d.MediaType != want {
		return "", fmt.Errorf("%s: the media type is %s, want %s", what, d.MediaType, want)
	}
	sum, found := strings.CutPrefix(d.Digest, "sha256:")
	if _, err := hex.DecodeString(sum); !found || err != nil || len(sum) != 2*sha256.Size {
		return "", fmt.Errorf("%s: %q is no digest", what, d.Digest)
	}

	name := "blobs/sha256/" + sum
	got, size, err := sumOf(filepath.Join(l.dir, filepath.FromSlash(name)))
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	if got != sum {
		return "", fmt.Errorf("%s: the digest is sha256:%s, but what lies there has sha256:%s", what, sum, got)
	}
	if size != d.Size {
		return "", fmt.Errorf("%s: has %d bytes, its descriptor says %d", what, size, d.Size)
	}
	return name, nil
}

func sumOf(name string) (sum string, size int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// Images are the images of a layout, by architecture, each followed down to its layers.
func (l *Layout) Images() (map[string]*Image, error) {
	var version struct {
		ImageLayoutVersion string `json:"imageLayoutVersion"`
	}
	if err := l.document("oci-layout", &version); err != nil {
		return nil, err
	}
	if version.ImageLayoutVersion != "1.0.0" {
		return nil, fmt.Errorf("oci-layout: the version is %q, want 1.0.0", version.ImageLayoutVersion)
	}
	var top, of index
	if err := l.document("index.json", &top); err != nil {
		return nil, err
	}
	if len(top.Manifests) != 1 {
		return nil, fmt.Errorf("index.json names %d images, want one index of all systems", len(top.Manifests))
	}
	name, err := l.blob("the index of systems", top.Manifests[0], indexType)
	if err != nil {
		return nil, err
	}
	if err := l.document(name, &of); err != nil {
		return nil, err
	}

	images := map[string]*Image{}
	for _, d := range of.Manifests {
		if d.Platform == nil || d.Platform.OS != "linux" || images[d.Platform.Architecture] != nil {
			return nil, fmt.Errorf("the index of systems: %s is for %+v, want one for each architecture of linux", d.Digest, d.Platform)
		}
		image, err := l.image(d)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Platform.Architecture, err)
		}
		image.Version = top.Manifests[0].Annotations["org.opencontainers.image.ref.name"]
		images[d.Platform.Architecture] = image
	}
	return images, l.strangers()
}

// strangers reports a blob that nothing names.
func (l *Layout) strangers() error {
	files, err := os.ReadDir(filepath.Join(l.dir, "blobs", "sha256"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if !l.seen["sha256:"+f.Name()] {
			return fmt.Errorf("blobs/sha256/%s belongs to nothing", f.Name())
		}
	}
	return nil
}
