package oci

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// An Image is that of one architecture.
type Image struct {
	Version string // by which the layout names it
	Config  Config
	layers  []string // files of the layers
}

// Config is what an image says of itself, as far as grab's uses it.
type Config struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Config       struct {
		User         string              `json:"User"`
		Env          []string            `json:"Env"`
		Entrypoint   []string            `json:"Entrypoint"`
		Cmd          []string            `json:"Cmd"`
		Volumes      map[string]struct{} `json:"Volumes"`
		WorkingDir   string              `json:"WorkingDir"`
		Labels       map[string]string   `json:"Labels"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts"`
	} `json:"config"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

// image follows a manifest to the configuration and the layers, whose contents have to be those that
// the configuration names.
func (l *Layout) image(d descriptor) (*Image, error) {
	name, err := l.blob("the manifest", d, manifestType)
	if err != nil {
		return nil, err
	}
	var m manifest
	if err := l.document(name, &m); err != nil {
		return nil, err
	}
	if name, err = l.blob("the configuration", m.Config, configType); err != nil {
		return nil, err
	}
	image := &Image{}
	if err := l.document(name, &image.Config); err != nil {
		return nil, err
	}

	c := image.Config
	if c.OS != d.Platform.OS || c.Architecture != d.Platform.Architecture {
		return nil, fmt.Errorf("the configuration says %s/%s, the index %s/%s", c.OS, c.Architecture, d.Platform.OS, d.Platform.Architecture)
	}
	if c.RootFS.Type != "layers" || len(c.RootFS.DiffIDs) != len(m.Layers) {
		return nil, fmt.Errorf("the configuration has %d %q, the manifest %d layers", len(c.RootFS.DiffIDs), c.RootFS.Type, len(m.Layers))
	}
	for i, d := range m.Layers {
		what := fmt.Sprintf("layer %d", i+1)
		name, err := l.blob(what, d, layerType)
		if err != nil {
			return nil, err
		}
		path := filepath.Join(l.dir, filepath.FromSlash(name))
		if err := contentIs(path, c.RootFS.DiffIDs[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		image.layers = append(image.layers, path)
	}
	return image, nil
}

// contentIs reports a layer whose uncompressed bytes are not those that the configuration names.
func contentIs(layer, want string) error {
	f, err := os.Open(layer)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(z, fullest)); err != nil {
		return err
	}
	if got := "sha256:" + hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("the configuration says that it unpacks to %s, but it is %s", want, got)
	}
	return nil
}

// A File is a file or folder of an image.
type File struct {
	Mode  fs.FileMode // with the kind
	Owner int
}

// Unpack lays the files of an image into an empty folder, and returns what each is, by its path
// without a slash before it. It sets modes, not owners.
func (i *Image) Unpack(root string) (map[string]File, error) {
	files := map[string]File{}
	for _, layer := range i.layers {
		if err := unpack(layer, root, files); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func unpack(layer, root string, files map[string]File) error {
	f, err := os.Open(layer)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}

	r := tar.NewReader(io.LimitReader(z, fullest))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(h.Name, "/")
		_, twice := files[name]
		if twice || !filepath.IsLocal(name) || h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir {
			return fmt.Errorf("a layer has %q of kind %q: each path once, files and folders alone", h.Name, h.Typeflag)
		}
		if h.Uid != h.Gid {
			return fmt.Errorf("%s belongs to user %d and group %d", name, h.Uid, h.Gid)
		}

		mode := h.FileInfo().Mode()
		files[name] = File{mode, h.Uid}
		path := filepath.Join(root, filepath.FromSlash(name))
		if h.Typeflag == tar.TypeDir {
			err = os.Mkdir(path, 0o700)
		} else {
			err = write(path, r, 0o600)
		}
		if err == nil {
			err = os.Chmod(path, mode)
		}
		if err != nil {
			return err
		}
	}
}
