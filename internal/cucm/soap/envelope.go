package soap

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
)

// maxFault bounds what is read of a fault.
const maxFault = 1 << 20

// A Fault is SOAP's, as Axis or AXL writes it.
type Fault struct {
	Code   string `xml:"faultcode"`
	String string `xml:"faultstring"`
	Detail struct {
		Text string `xml:",innerxml"`
		AXL  struct {
			Code    string `xml:"axlcode"`
			Message string `xml:"axlmessage"`
		} `xml:"axlerror"`
	} `xml:"detail"`
}

// NewDecoder reads XML as this package does: of at most limit bytes, names folded, bytes
// that are not of the encoding replaced.
func NewDecoder(r io.Reader, limit int64) *xml.Decoder {
	b := bufio.NewReader(&capped{r: r, left: limit})
	head, _ := b.Peek(200)
	var d *xml.Decoder
	if m := encodingRE.FindSubmatch(head); m == nil || strings.EqualFold(string(m[1]), "utf-8") {
		d = xml.NewDecoder(transform.NewReader(b, runes.ReplaceIllFormed()))
	} else {
		d = xml.NewDecoder(b)
		d.CharsetReader = charset
	}
	return xml.NewTokenDecoder(&folded{d: d})
}

var encodingRE = regexp.MustCompile(`^\s*<\?xml[^>]*\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']`)

func charset(label string, r io.Reader) (io.Reader, error) {
	e, err := htmlindex.Get(label)
	if err != nil {
		return nil, fmt.Errorf("the encoding %q is not known", label)
	}
	return e.NewDecoder().Reader(r), nil
}

// body reads as far as the first element in the Body of an envelope, and returns the
// fault if it is one. io.EOF: the Body is empty.
func body(d *xml.Decoder) (start xml.StartElement, fault *Fault, err error) {
	for _, want := range []string{"envelope", "body"} {
		if err := find(d, want); err != nil {
			return start, nil, err
		}
	}
	for {
		t, err := d.Token()
		if err != nil {
			return start, nil, unexpected(err)
		}
		switch t := t.(type) {
		case xml.EndElement:
			return start, nil, io.EOF
		case xml.StartElement:
			if t.Name.Local != "fault" {
				return t, nil, nil
			}
			fault = new(Fault)
			return t, fault, d.DecodeElement(fault, &t)
		}
	}
}

// find reads into the next element of this name, past others beside it.
func find(d *xml.Decoder, name string) error {
	for {
		t, err := d.Token()
		if err != nil {
			return unexpected(err)
		}
		start, ok := t.(xml.StartElement)
		switch {
		case !ok:
		case start.Name.Local == name:
			return nil
		case name == "envelope":
			return errNotSOAP
		default:
			if err := d.Skip(); err != nil {
				return err
			}
		}
	}
}

var errNotSOAP = errors.New("this is not a SOAP envelope")

// unexpected is an end where there should be none.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// says is a fault in one line.
func (f *Fault) says() string {
	if f.Detail.AXL.Message != "" {
		return fmt.Sprintf("%s (AXL %s)", line(f.Detail.AXL.Message), line(f.Detail.AXL.Code))
	}
	if s := line(f.String); s != "" {
		return s
	}
	return line(f.Code)
}

// kind tells faults apart.
func (f *Fault) kind() Kind {
	code, text := strings.ToLower(f.Code), strings.ToLower(f.String)
	switch {
	case strings.HasSuffix(code, "ratecontrol"), strings.Contains(text, "exceeded allowed rate"):
		return KindRate
	case strings.Contains(text, "do not exist"), strings.Contains(text, "does not exist"):
		return KindMissing
	}
	return KindFault
}
