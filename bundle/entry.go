package bundle

import (
	"context"
	"fmt"
	"io"
	"sync"

	"rtmtgrab/bundle/custody"
	"rtmtgrab/bundle/seal"
	"rtmtgrab/internal/evidence"
)

// An entry is what was found of one file of an archive.
type entry struct {
	name     string // inside the top folder; empty: it has no place in a bundle
	bad      []Bad  // why not
	meter    *meter // nil: it cannot be read
	err      error  // why not, or why it means nothing
	manifest evidence.Manifest
	readable bool // the manifest
	sums     map[string]string
	hash     []byte // of the sums, as it is signed
	raw      []byte // of the signature
	head     custody.Head
}

// read hashes the file; of those that Verify needs it also takes the meaning.
func (e *entry) read(ctx context.Context, body io.Reader) {
	m := newMeter()
	tee := io.TeeReader(body, m)
	meaning, err := e.understand(ctx, tee)
	if err == nil {
		err = copyTo(ctx, io.Discard, tee)
	}
	if err != nil {
		*e = entry{name: e.name, bad: e.bad, err: err}
		return
	}
	e.meter, e.err = m, meaning
	e.readable = e.name == manifestName && meaning == nil
}

// understand takes the meaning of a file, as far as it has one. err is of reading.
func (e *entry) understand(ctx context.Context, r io.Reader) (meaning, err error) {
	switch e.name {
	case manifestName:
		e.manifest, meaning = decodeManifest(r)
	case sumsName:
		h := seal.NewHash()
		tee := io.TeeReader(r, h)
		e.sums, meaning = readSums(tee)
		err = copyTo(ctx, io.Discard, tee)
		e.hash = h.Sum(nil)
	case signatureName:
		e.raw, err = io.ReadAll(io.LimitReader(r, seal.MaxSignature+1))
	case custodyName:
		e.head, meaning = custody.Walk(r, custody.Head{}, nil)
	}
	return meaning, err
}

// admit looks at a file's name. The files are admitted in the archive's order.
func (c *check) admit(full string) (*entry, error) {
	if c.admitted++; c.admitted > maxEntries {
		return nil, fmt.Errorf("it has more than %d files", maxEntries)
	}
	e := &entry{}
	refuse := func(file, format string, args ...any) {
		e.bad = append(e.bad, Bad{printable(file), printable(fmt.Sprintf(format, args...))})
	}
	top, name, err := splitTop(full)
	if err != nil {
		refuse(full, "added, and its name is not allowed in a bundle: %v", err)
		return e, nil
	}
	if c.top == "" {
		c.top = top
	}
	if top != c.top {
		refuse(full, "added: outside the top folder %s", c.top)
		return e, nil
	}
	if err := c.names.add(name); err != nil {
		refuse(name, "added: %v", err)
		return e, nil
	}
	e.name = name
	return e, nil
}

// settle takes in what was found of a file, in the archive's order too.
func (c *check) settle(e *entry) {
	c.bad = append(c.bad, e.bad...)
	if e.name == "" {
		return
	}
	c.got[e.name] = e.meter
	c.order = append(c.order, e.name)
	if e.err != nil {
		c.add(e.name, "damaged, cannot be read: %v", e.err)
	}
	switch {
	case e.meter == nil:
	case e.name == manifestName:
		c.manifest, c.readable = e.manifest, e.readable
	case e.name == sumsName:
		c.sums, c.signed.hash = e.sums, e.hash
	case e.name == signatureName:
		c.signed.raw = e.raw
	case e.name == custodyName:
		c.head = e.head
	}
}

// visit is the visitor of an archive that can be read from front to back only.
func (c *check) visit(full string, body io.Reader, readErr error) error {
	e, err := c.admit(full)
	if err != nil {
		return err
	}
	if e.err = readErr; e.name != "" && readErr == nil {
		e.read(c.ctx, body)
	}
	c.settle(e)
	return c.ctx.Err()
}

// zip goes through an archive whose files can be read side by side.
func (c *check) zip(r io.ReaderAt, size int64, most *budget) error {
	z, err := openZip(r, size)
	if err != nil {
		return err
	}
	var entries []*entry
	var wg sync.WaitGroup
	slots := make(chan struct{}, workers())
	for _, f := range z.File {
		var e *entry
		if e, err = c.admit(f.Name); err != nil || c.ctx.Err() != nil {
			break
		}
		entries = append(entries, e)
		if e.name == "" {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			visitZip(f, most, func(_ string, body io.Reader, readErr error) error {
				if e.err = readErr; readErr == nil {
					e.read(c.ctx, body)
				}
				return nil
			})
		})
	}
	wg.Wait()
	for _, e := range entries {
		c.settle(e)
	}
	if err == nil {
		err = c.ctx.Err()
	}
	return err
}
