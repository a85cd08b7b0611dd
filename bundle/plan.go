package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"rtmtgrab/bundle/custody"
	"rtmtgrab/bundle/seal"
	"rtmtgrab/internal/evidence"
)

// maxEntries bounds what a reader of a foreign archive keeps of it.
const maxEntries = 65_000

// maxManifest is the largest manifest.json that is written or read.
const maxManifest = 64 << 20

// A planned file has its hash before it is written.
type planned struct {
	name   string
	size   int64
	sha256 string // hex
	open   func() (io.ReadCloser, error)
}

// A plan is the whole bundle, in its order, with every hash.
type plan struct {
	top   string
	time  time.Time
	files []planned
	names nameSet
}

// newPlan orders the files: README.txt, manifest.json, manifest-sha256.txt, its
// signature if there is a key, custody.jsonl, mails, logs in the manifest's order, what came of
// CUCM and phones, reports.
func newPlan(ctx context.Context, in Input) (*plan, error) {
	m := in.Manifest
	m.SignedBy = ""
	if in.Key != nil {
		m.SignedBy = in.Key.Public.ID.String()
	}
	p := &plan{top: Name(m), time: stamp(m), names: nameSet{}}
	if err := checkSimple(p.top); err != nil {
		return nil, fmt.Errorf("incident: %w", err)
	}
	if m.Coverage == "" {
		return nil, errors.New("the manifest is not concluded: it has no coverage")
	}
	var readme bytes.Buffer
	if err := Readme(&readme, m, in.Zone); err != nil {
		return nil, err
	}
	manifest, err := encodeManifest(m)
	if err != nil {
		return nil, err
	}
	p.addBytes(readmeName, readme.Bytes())
	p.addBytes(manifestName, manifest)
	sums := len(p.files)
	chain, err := custody.Of(m, p.files[sums-1].sha256)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", custodyName, err)
	}
	p.addBytes(custodyName, chain)
	if m.Masked != nil {
		p.addBytes(maskReportName, in.MaskReport)
	}
	if err := p.addParts(ctx, in.Mails, "alerts/"); err != nil {
		return nil, err
	}
	for _, a := range m.Alerts {
		if a.File != "" && !p.names[strings.ToLower(a.File)] {
			return nil, fmt.Errorf("%s: named in the manifest, but missing", evidence.Printable(a.File, 200))
		}
	}
	if err := p.addLogs(in); err != nil {
		return nil, err
	}
	if err := p.addExtra(ctx, in); err != nil {
		return nil, err
	}
	if err := p.addParts(ctx, in.Reports, "report/"); err != nil {
		return nil, err
	}
	if len(p.files)+2 > maxEntries {
		return nil, fmt.Errorf("%d files are too many for a bundle (at most %d)", len(p.files)+2, maxEntries)
	}
	p.files = slices.Insert(p.files, sums, p.summed(in.Key)...)
	return p, nil
}

// summed are the sums of all files, and the signature over them.
func (p *plan) summed(key *seal.Key) []planned {
	var sums bytes.Buffer
	for _, f := range p.files {
		fmt.Fprintf(&sums, "%s  %s\n", f.sha256, f.name)
	}
	list := []planned{plannedBytes(sumsName, sums.Bytes())}
	if key != nil {
		list = append(list, plannedBytes(signatureName, key.Sign(sums.Bytes(), "grab bundle "+p.top)))
	}
	return list
}

// encodeManifest is manifest.json: indented, with a line feed at its end, and
// small enough for every reader.
func encodeManifest(m evidence.Manifest) ([]byte, error) {
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	b = append(b, '\n')
	if _, err := decodeManifest(bytes.NewReader(b)); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	return b, nil
}

func plannedBytes(name string, b []byte) planned {
	sum := sha256.Sum256(b)
	return planned{name: name, size: int64(len(b)), sha256: hex.EncodeToString(sum[:]), open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}}
}

func (p *plan) addBytes(name string, b []byte) {
	p.names.add(name)
	p.files = append(p.files, plannedBytes(name, b))
}

func (p *plan) add(f planned) error {
	if err := checkInside(f.name); err != nil {
		return fmt.Errorf("%q: %w", f.name, err)
	}
	if err := p.names.add(f.name); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	p.files = append(p.files, f)
	return nil
}

func (p *plan) addParts(ctx context.Context, parts []Part, folder string) error {
	for _, part := range parts {
		if !strings.HasPrefix(part.Name, folder) {
			return fmt.Errorf("%q: its name must begin with %s", part.Name, folder)
		}
		f := planned{name: part.Name, open: part.Open}
		var err error
		if f.size, f.sha256, err = hashPart(ctx, part); err != nil {
			return fmt.Errorf("%s: %w", part.Name, err)
		}
		if err := p.add(f); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) addLogs(in Input) error {
	for _, h := range in.Manifest.Hosts {
		for _, file := range h.Files {
			if file.Path == "" {
				continue
			}
			name := logName(h.Host, file.Family)
			if file.Path != name {
				return fmt.Errorf("%q: the manifest's path of this log must be %q", file.Path, name)
			}
			if in.Log == nil {
				return fmt.Errorf("%s: no logs were given", name)
			}
			host, family := h.Host, file.Family
			err := p.add(planned{name: name, size: file.Bytes, sha256: file.SHA256, open: func() (io.ReadCloser, error) {
				return in.Log(host, family)
			}})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func hashPart(ctx context.Context, part Part) (size int64, sum string, err error) {
	r, err := part.Open()
	if err != nil {
		return 0, "", err
	}
	defer r.Close()
	h := newMeter()
	if err := copyTo(ctx, h, r); err != nil {
		return 0, "", err
	}
	return h.n, h.sum(), nil
}

// writeTo writes all files. They are not hashed once more: what is read back is, and held
// against the sums.
func (p *plan) writeTo(ctx context.Context, c container) error {
	for _, f := range p.files {
		if err := putFile(ctx, c, f, nil); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// whose is the fault of a file that is not what it was meant to be: what it was made of, with
// the name, or nil if that is as it was.
func (p *plan) whose(ctx context.Context) error {
	for _, f := range p.files {
		size, sum, err := hashPart(ctx, Part{Open: f.open})
		if err == nil && (size != f.size || sum != f.sha256) {
			err = other(f, size, sum)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// writeFile copies one file and holds it against what is known of it.
func writeFile(ctx context.Context, c container, f planned) error {
	m := newMeter()
	if err := putFile(ctx, c, f, m); err != nil {
		return err
	}
	if m.sum() != f.sha256 {
		return other(f, m.n, m.sum())
	}
	return nil
}

// putFile copies one file, which has its size; m, which may be nil, hashes it. At most one byte
// more than its size is read.
func putFile(ctx context.Context, c container, f planned, m *meter) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := f.open()
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := c.create(f.name, f.size)
	if err != nil {
		return err
	}
	if m != nil {
		w = io.MultiWriter(m, w)
	}
	in := &io.LimitedReader{R: r, N: f.size}
	if err := copyTo(ctx, w, in); err != nil {
		return err
	}
	if in.N > 0 {
		return fmt.Errorf("read %d bytes, expected %d", f.size-in.N, f.size)
	}
	if n, _ := fill(ctx, r, make([]byte, 1)); n > 0 {
		return fmt.Errorf("longer than the %d bytes of its entry", f.size)
	}
	return nil
}

func other(f planned, size int64, sum string) error {
	return fmt.Errorf("read %d bytes with SHA-256 %s, expected %d with %s", size, sum, f.size, f.sha256)
}

// stamp is the time that all files of the bundle bear: the end of the window, in
// whole seconds, within what a zip can express.
func stamp(m evidence.Manifest) time.Time {
	t := m.Window.Until.UTC().Truncate(time.Second)
	if t.Year() < 1980 || t.Year() > 2100 {
		t = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return t
}
