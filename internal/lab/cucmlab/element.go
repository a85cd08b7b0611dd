package cucmlab

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The namespaces.
const (
	nsSOAP  = "http://schemas.xmlsoap.org/soap/envelope/"
	nsXSI   = "http://www.w3.org/2001/XMLSchema-instance"
	nsAST   = "http://schemas.cisco.com/ast/soap"
	nsDIME  = "http://schemas.cisco.com/ast/soap/"
	axlBase = "http://www.cisco.com/AXL/API/"
)

// An element of an answer.
type element struct {
	name  string
	text  string
	attrs string // as they are written
	bare  bool   // it has no prefix of the service's
	soap  bool   // it has the envelope's
	kids  []*element
}

func el(name string, kids ...*element) *element { return &element{name: name, kids: kids} }

// value is an element with a text.
func value(name, text string) *element { return &element{name: name, text: text} }

func (e *element) says(text string) *element  { e.text = text; return e }
func (e *element) with(attrs string) *element { e.attrs = attrs; return e }
func (e *element) plain() *element            { e.bare = true; return e }
func (e *element) inSOAP() *element           { e.soap = true; return e }

func (e *element) add(kids ...*element) *element {
	e.kids = append(e.kids, kids...)
	return e
}

// nothing is an element without a value.
func nothing(name string, asNil bool) *element {
	if asNil {
		return el(name).with(`xsi:nil="true"`)
	}
	return el(name)
}

// A dress is how an answer's elements are prefixed.
type dress struct {
	soap string // prefix of the envelope
	ns   string // of the service
	pre  string // its prefix; empty: none, ns is the default namespace
}

// dressed is how answers of a service look now.
func (f *Faults) dressed(ns string) dress {
	d := dress{soap: "soapenv", ns: ns, pre: "ns1"}
	if f.SOAP.Prefix != "" {
		d.pre = f.SOAP.Prefix
	}
	if f.SOAP.NoPrefix {
		d.soap, d.pre = "SOAP-ENV", ""
	}
	return d
}

// envelope writes an element in one.
func envelope(d dress, body *element) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="utf-8"?>`+"\n"+`<%s:Envelope xmlns:%s="%s" xmlns:xsi="%s"><%s:Body>`, d.soap, d.soap, nsSOAP, nsXSI, d.soap)
	if d.ns != "" {
		attr := "xmlns"
		if d.pre != "" {
			attr += ":" + d.pre
		}
		body.attrs = strings.TrimSpace(fmt.Sprintf(`%s %s="%s"`, body.attrs, attr, d.ns))
	}
	body.write(&b, d)
	fmt.Fprintf(&b, "</%s:Body></%s:Envelope>", d.soap, d.soap)
	return b.Bytes()
}

func (e *element) write(b *bytes.Buffer, d dress) {
	name := e.name
	switch {
	case e.soap:
		name = d.soap + ":" + name
	case !e.bare && d.pre != "":
		name = d.pre + ":" + name
	}
	b.WriteString("<" + name)
	if e.attrs != "" {
		b.WriteString(" " + e.attrs)
	}
	if e.text == "" && len(e.kids) == 0 {
		b.WriteString("/>")
		return
	}
	b.WriteString(">")
	xml.EscapeText(b, []byte(e.text)) // a Buffer takes everything
	for _, k := range e.kids {
		k.write(b, d)
	}
	b.WriteString("</" + name + ">")
}

// A node of a request, as it was read.
type node struct {
	space, name string
	attrs       []xml.Attr
	text        string
	kids        []*node
}

// mostRequest bounds a request's body.
const mostRequest = 1 << 20

// readBody is the first element in the Body of an envelope.
func readBody(r io.Reader) (*node, error) {
	dec := xml.NewDecoder(io.LimitReader(r, mostRequest))
	root, err := readNode(dec)
	if err != nil {
		return nil, err
	}
	if root.name != "Envelope" || root.space != nsSOAP {
		return nil, fmt.Errorf("%s is no SOAP 1.1 Envelope", root.name)
	}
	body := root.kid("Body")
	if body == nil || body.space != nsSOAP || len(body.kids) == 0 {
		return nil, errors.New("the Body is empty")
	}
	return body.kids[0], nil
}

// readNode reads the next element, with everything in it.
func readNode(dec *xml.Decoder) (*node, error) {
	var open []*node
	for {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			n := &node{space: t.Name.Space, name: t.Name.Local, attrs: t.Attr}
			if len(open) > 0 {
				up := open[len(open)-1]
				up.kids = append(up.kids, n)
			}
			open = append(open, n)
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(t)
			}
		case xml.EndElement:
			if len(open) == 1 {
				return open[0], nil
			}
			open = open[:len(open)-1]
		}
	}
}

// kid is the first child of that name, or nil.
func (n *node) kid(name string) *node {
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

// get is the text of a child, without the white space around it.
func (n *node) get(name string) string {
	if k := n.kid(name); k != nil {
		return strings.TrimSpace(k.text)
	}
	return ""
}

// inOrder is an error unless the children are exactly these, in this order, and in the
// namespace ns.
func (n *node) inOrder(ns string, names ...string) error {
	for i, name := range names {
		if i >= len(n.kids) {
			return fmt.Errorf("%s: %s is missing", n.name, name)
		}
		if k := n.kids[i]; k.name != name || k.space != ns {
			return fmt.Errorf("%s: Unexpected subelement {%s}%s where {%s}%s belongs", n.name, k.space, k.name, ns, name)
		}
	}
	if len(n.kids) > len(names) {
		return fmt.Errorf("%s: Unexpected subelement %s", n.name, n.kids[len(names)].name)
	}
	return nil
}
