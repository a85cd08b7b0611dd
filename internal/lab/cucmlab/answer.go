package cucmlab

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"net/http"
	"strconv"
)

// An answer is a reply as it would be sent over a sound connection.
type answer struct {
	status int
	kind   string // Content-Type
	length int64  // of the body; negative: not told
	body   func(w io.Writer) error
	fault  string // text of the SOAP fault in it
	item   string // what was asked for
}

func number(n int) string { return strconv.Itoa(n) }

func bytesAnswer(status int, kind string, body []byte) answer {
	return answer{status: status, kind: kind, length: int64(len(body)), body: func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	}}
}

// page is one of Tomcat's, which are HTML.
func page(status int, message string) answer {
	title := fmt.Sprintf("HTTP Status %d – %s", status, http.StatusText(status))
	return bytesAnswer(status, "text/html;charset=utf-8", fmt.Appendf(nil, `<!doctype html><html lang="en"><head><title>%s</title><style type="text/css">body {font-family:Tahoma,Arial,sans-serif;} h1 {color:white;background-color:#525D76;}</style></head>`+
		`<body><h1>%s</h1><hr class="line" /><p><b>Type</b> Status Report</p><p><b>Message</b> %s</p><p><b>Description</b> The server said &quot;%s&quot; &amp; nothing else.</p><hr class="line" /><h3>Apache Tomcat</h3></body></html>`,
		title, title, html.EscapeString(message), http.StatusText(status)))
}

// soapFault is one as Axis writes it.
func soapFault(status int, code, text string) answer {
	root := el("Fault",
		el("faultcode").says("ns1:"+code).with(`xmlns:ns1="http://xml.apache.org/axis/"`).plain(),
		el("faultstring").says(text).plain(),
		el("detail", el("ns2:hostname").says("cucm").with(`xmlns:ns2="http://xml.apache.org/axis/"`).plain()).plain())
	a := bytesAnswer(status, "text/xml;charset=utf-8", envelope(dress{soap: "soapenv"}, root.inSOAP()))
	a.fault = text
	return a
}

// invalid is the fault about a request that is not as the interface describes it.
func invalid(format string, args ...any) answer {
	return soapFault(http.StatusInternalServerError, "Client", "AxisFault: "+fmt.Sprintf(format, args...))
}

// bytes are its body whole, of those that are not files.
func (a *answer) bytes() []byte {
	var b bytes.Buffer
	if err := a.body(&b); err != nil {
		return nil
	}
	return b.Bytes()
}
