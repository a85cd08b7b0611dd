package soap

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// What an envelope may have at most, far beyond what any is known to have: what is made of
// it in memory is a small multiple of its size.
const (
	maxDepth    = 100
	maxElements = 500_000   // 2,000 phones have 200,000
	maxStride   = 128 << 10 // bytes without a <
)

// errTooLarge is of an answer beyond its bound.
var errTooLarge = errors.New("the answer is too large")

// capped is a reader that fails beyond a bound, where io.LimitReader would end, and beyond
// maxStride.
type capped struct {
	r      io.Reader
	left   int64
	stride int
}

func (c *capped) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooLarge
	}
	n, err := c.r.Read(b[:min(int64(len(b)), c.left)])
	c.left -= int64(n)
	for _, one := range b[:n] {
		if c.stride++; one == '<' {
			c.stride = 0
		}
		if c.stride > maxStride {
			return 0, errTooLarge
		}
	}
	return n, err
}

// folded are the tokens of XML with local names in small letters and no prefixes, so that
// the tags of structs match whatever a release writes; no more of them than there may be.
type folded struct {
	d               *xml.Decoder
	depth, elements int
}

func (f *folded) Token() (xml.Token, error) {
	t, err := f.d.Token()
	switch t := t.(type) {
	case xml.StartElement:
		f.depth++
		f.elements++
		if f.depth > maxDepth || f.elements > maxElements {
			return nil, fmt.Errorf("%w: %d elements, %d deep", errTooLarge, f.elements, f.depth)
		}
		t = t.Copy()
		t.Name = fold(t.Name)
		for i := range t.Attr {
			t.Attr[i].Name = fold(t.Attr[i].Name)
		}
		return t, err
	case xml.EndElement:
		f.depth--
		t.Name = fold(t.Name)
		return t, err
	}
	return t, err
}

func fold(n xml.Name) xml.Name { return xml.Name{Local: strings.ToLower(n.Local)} }
