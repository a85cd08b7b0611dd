package prt

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"regexp"
	"strings"
)

// Bounds on a form. Phones send four fields.
const (
	maxParts = 20
	maxField = 1 << 10
	// formRoom is what a form may have beside its file.
	formRoom = 64 << 10
)

// A Form is what a phone says of its report.
type Form struct {
	Device string // checked
	Serial string
	User   string
	File   string // the name that the phone gave it: for people alone
}

// ReadForm reads a form of the given Content-Type from front to back, and gives the one file in it to save
// as it comes. It knows the form to be whole when it returns without an error. An error of
// save, or of reading r, is returned as it is; what is wrong with the form is a *Refusal.
func ReadForm(contentType string, r io.Reader, save func(io.Reader) error) (f Form, err error) {
	boundary := boundaryOf(contentType)
	if boundary == "" {
		return f, refuse(NotForm, "the upload is no multipart/form-data")
	}
	src := &source{r: r}
	parts := multipart.NewReader(newHeads(src, boundary), boundary)
	device, files := "", 0
	for n := 0; ; n++ {
		p, err := parts.NextRawPart()
		switch {
		case src.err != nil:
			return f, src.err
		case err == io.EOF: // the last boundary; one that wraps it is the end of what was sent
			return f.complete(device, files)
		case err != nil:
			return f, broken(src, err)
		case n >= maxParts:
			return f, refuse(NotForm, "the form has more than %d fields", maxParts)
		}
		switch name, isFile := nameOf(p); {
		case isFile:
			if files++; files > 1 {
				return f, refuse(NotForm, "the form has more than one file")
			}
			f.File = plain(p.FileName())
			if err := save(p); err != nil {
				return f, saved(src, err)
			}
		default:
			text, err := field(p)
			if err != nil {
				return f, saved(src, err)
			}
			switch name {
			case "devicename":
				device = text
			case "serialno":
				f.Serial = plain(text)
			case "username":
				f.User = plain(text)
			}
		}
	}
}

// boundaryOf is the boundary of a form. Some senders do not quote one that has to be.
func boundaryOf(contentType string) string {
	kind, params, err := mime.ParseMediaType(contentType)
	if err == nil {
		if kind != "multipart/form-data" {
			return ""
		}
		return params["boundary"]
	}
	kind, rest, _ := strings.Cut(contentType, ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "multipart/form-data") {
		return ""
	}
	_, b, _ := strings.Cut(rest, "boundary=")
	b, _, _ = strings.Cut(b, ";")
	if b = strings.Trim(strings.TrimSpace(b), `"`); len(b) > 70 {
		return ""
	}
	return b
}

var nameRE = regexp.MustCompile(`(?i)\bname="*'*([a-z_]{1,20})`)

// nameOf is the name of a field, and whether it is the file. A field of another name with a file's name is one too.
func nameOf(p *multipart.Part) (name string, isFile bool) {
	name = strings.ToLower(strings.Trim(p.FormName(), `"' `))
	disposition := p.Header.Get("Content-Disposition")
	if m := nameRE.FindStringSubmatch(disposition); name == "" && m != nil {
		name = strings.ToLower(m[1]) // written in a way that cannot be parsed
	}
	switch name {
	case "prt_file":
		return name, true
	case "devicename", "serialno", "username":
		return name, false
	}
	return name, strings.Contains(strings.ToLower(disposition), "filename")
}

// complete judges a form that was read to its end.
func (f Form) complete(device string, files int) (Form, error) {
	if files == 0 {
		return f, refuse(NotForm, "the form has no prt_file")
	}
	name, ok := Device(device)
	if !ok {
		return f, refuse(NoDevice, "%q is no name of a device", short(device))
	}
	f.Device = name
	return f, nil
}

// field is the text of a field.
func field(p *multipart.Part) (string, error) {
	b, err := io.ReadAll(io.LimitReader(p, maxField+1))
	if err == nil && len(b) > maxField {
		err = refuse(NotForm, "a field of the form is longer than %d bytes", maxField)
	}
	return string(b), err
}

// broken is what is wrong with a form that cannot be read on.
func broken(src *source, err error) error {
	if src.ended || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse(CutOff, "the upload broke off")
	}
	return refuse(NotForm, "the form is damaged")
}

// saved is the error of what reads a part: its own, or that of the form.
func saved(src *source, err error) error {
	switch {
	case src.err != nil:
		return src.err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return broken(src, err)
	}
	return err
}

// A source keeps why reading ended: package multipart hides it.
type source struct {
	r     io.Reader
	ended bool
	err   error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), err == io.EOF:
		s.ended = true
	case err != nil:
		s.err = err
	}
	return n, err
}
