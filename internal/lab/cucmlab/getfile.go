package cucmlab

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
)

// boundary has what boundaries of Java's mail library have: dashes, a = and dots.
const boundary = "----=_Part_366_1218632843.1795902690117"

// find is a node's file of that path.
func findFile(c *Cluster, n *Node, name string) (*File, error) {
	if n != nil {
		for _, f := range filesOn(c, n) {
			if f.Path == name {
				return &f, nil
			}
		}
	}
	return nil, fmt.Errorf("FileName %s do not exist", name)
}

// dimeGetFile is GetOneFile of the old service, which all use.
func dimeGetFile(q *asking) answer {
	k := q.body.kid("FileName")
	if k == nil || k.space != "" {
		return invalid("FileName is missing, or in a namespace")
	}
	return fileAnswer(q, strings.TrimSpace(k.text), "GetOneFileResponse")
}

// getOneFile is that of the new one: the Body has the FileName alone.
func getOneFile(q *asking) answer {
	return fileAnswer(q, strings.TrimSpace(q.body.text), "GetOneFileReturn")
}

// file is the answer with a file, in the present form.
func fileAnswer(q *asking, name, wrapper string) answer {
	f, err := findFile(q.c, q.n, name)
	gone := slices.ContainsFunc(q.faults.Logs.Gone, func(pattern string) bool { ok, _ := path.Match(pattern, name); return ok })
	if err != nil || gone {
		a := soapFault(http.StatusInternalServerError, "Server.generalException", "AxisFault: FileName "+name+" do not exist")
		a.item = name
		return a
	}
	lf := &q.faults.Logs
	body := func(w io.Writer) error { return f.send(w, lf) }
	a := answer{status: http.StatusOK, length: -1, item: name}
	d := dress{soap: "soapenv", ns: nsDIME, pre: "ns1"}
	switch lf.Form {
	case FormRaw:
		a.kind, a.body = "application/octet-stream", body
	case FormDIME:
		a.kind, a.body = "application/dime", func(w io.Writer) error { return dime(w, body) }
	case FormBase64:
		open, end := "<ns1:"+wrapper+` xmlns:ns1="`+nsDIME+`">`, "</ns1:"+wrapper+">"
		if q.service == GetFile {
			open, end = open+"<GetOneFileReturn>", "</GetOneFileReturn>"+end
		}
		a.kind, a.body = "text/xml;charset=utf-8", func(w io.Writer) error { return inBase64(w, open, end, body) }
	case FormXOP:
		root := el(wrapper, el("xop:Include").plain().with(`xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:A2%40cucm"`))
		a.kind = `multipart/related; type="application/xop+xml"; start="<A1@cucm>"; start-info="text/xml"; boundary="` + boundary + `"`
		a.body = parts(`application/xop+xml; charset=UTF-8; type="text/xml"`, envelope(d, root), "A1@cucm", "A2@cucm", body)
	default:
		root := el(wrapper, el("GetOneFileReturn").plain().with(`href="cid:A2"`))
		quote := `"`
		if lf.Form == FormUnquoted {
			quote = ""
		}
		a.kind = `multipart/related; type="text/xml"; start="<A1>"; boundary=` + quote + boundary + quote
		a.body = parts("text/xml; charset=UTF-8", envelope(d, root), "A1", "A2", body)
	}
	return a
}

// send writes a file's contents as they are now, and what the faults make of them.
func (f *File) send(w io.Writer, lf *LogFault) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	if lf.Torn > 0 && strings.HasSuffix(f.Path, openSuffix) {
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		_, err = w.Write(b[:max(int64(len(b))-lf.Torn, 0)])
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		return err
	}
	rubbish := make([]byte, 64<<10)
	for i := range rubbish {
		rubbish[i] = byte(i*7 + i>>8)
	}
	for left := lf.Extra; left > 0; left -= int64(len(rubbish)) {
		if _, err := w.Write(rubbish[:min(left, int64(len(rubbish)))]); err != nil {
			return err
		}
	}
	return nil
}

// parts writes an envelope and a file as multipart/related.
func parts(rootType string, root []byte, rootID, fileID string, file func(io.Writer) error) func(io.Writer) error {
	return func(w io.Writer) error {
		if _, err := fmt.Fprintf(w, "--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: binary\r\nContent-Id: <%s>\r\n\r\n%s\r\n--%s\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\nContent-Id: <%s>\r\n\r\n",
			boundary, rootType, rootID, root, boundary, fileID); err != nil {
			return err
		}
		if err := file(w); err != nil {
			return err
		}
		_, err := io.WriteString(w, "\r\n--"+boundary+"--\r\n")
		return err
	}
}

// inBase64 writes a file into the envelope itself, in lines as Java does.
func inBase64(w io.Writer, open, end string, file func(io.Writer) error) error {
	fmt.Fprintf(w, `<soapenv:Envelope xmlns:soapenv="%s"><soapenv:Body>%s`, nsSOAP, open)
	enc := base64.NewEncoder(base64.StdEncoding, &wrapped{w: w})
	if err := file(enc); err != nil {
		return err
	}
	if err := enc.Close(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, `%s</soapenv:Body></soapenv:Envelope>`, end)
	return err
}

// wrapped breaks what is written into lines of 76 bytes.
type wrapped struct {
	w  io.Writer
	at int
}

func (l *wrapped) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		part := p[:min(len(p), 76-l.at)]
		if _, err := l.w.Write(part); err != nil {
			return 0, err
		}
		p = p[len(part):]
		if l.at += len(part); l.at == 76 {
			if _, err := io.WriteString(l.w, "\r\n"); err != nil {
				return 0, err
			}
			l.at = 0
		}
	}
	return n, nil
}

// dime writes one record with everything, as that format has it.
func dime(w io.Writer, file func(io.Writer) error) error {
	var all strings.Builder
	if err := file(&all); err != nil {
		return err
	}
	head := make([]byte, 12)
	head[0], head[1] = 1<<3|1<<2|1<<1, 0 // version 1, first and last, type unchanged
	binary.BigEndian.PutUint32(head[8:], uint32(all.Len()))
	pad := make([]byte, (4-all.Len()%4)%4)
	for _, b := range [][]byte{head, []byte(all.String()), pad} {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// mayBeMultipart is an answer as the first part of one, where that is the manner.
func mayBeMultipart(q *asking, a answer) answer {
	if !q.faults.SOAP.Multipart {
		return a
	}
	kind := "Content-Type: text/xml; charset=UTF-8\r\n"
	if q.faults.SOAP.Untyped {
		kind = ""
	}
	body := fmt.Sprintf("\r\n--%s\r\n%sContent-Transfer-Encoding: binary\r\nContent-Id: <A1>\r\n\r\n%s\r\n--%s--\r\n", boundary, kind, a.bytes(), boundary)
	return bytesAnswer(a.status, `multipart/related; type="text/xml"; boundary="`+boundary+`"; start="<A1>"`, []byte(body))
}
