package rtmt

import (
	"encoding/base64"
	"fmt"
	"html"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"
)

// encode makes the mail of a body's text, in the way of the variant.
func (o *MailOptions) encode(text string) []byte {
	kind, encoding, body := "text/plain; charset=UTF-8", "7bit", text
	switch o.Variant {
	case HTML:
		kind, body = "text/html; charset=UTF-8", o.html(text)
	case QuotedPrintable:
		encoding, body = "quoted-printable", quoted(text)
	case Base64:
		encoding, body = "base64", wrapped(text)
	case Multipart:
		kind, body = `multipart/alternative; boundary="----=_Part_0_1767225600"`, o.multipart(text)
	case Latin1:
		kind, encoding, body = "text/plain; charset=ISO-8859-1", "8bit", latin1(text)
	}
	subject := o.Subject
	if o.Variant == Encoded {
		subject = mime.BEncoding.Encode("UTF-8", subject+" \u2013")
	}
	var b strings.Builder
	arrived := o.Date.Add(time.Second).UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700")
	fmt.Fprintf(&b, "Return-Path: <%s>\nReceived: from cucm01.example.com (cucm01.example.com [10.0.20.11])\n\tby mail.example.com (Postfix) with ESMTP id 4F1C22A0B7\n\tfor <%s>; %s\n", o.From, o.To, arrived)
	fmt.Fprintf(&b, "Date: %s\nFrom: %s\nTo: %s\nMessage-ID: <%s>\nSubject: %s\n", o.Date.In(o.Zone).Format("Mon, 2 Jan 2006 15:04:05 -0700 (MST)"), o.From, o.To, o.MessageID, subject)
	fmt.Fprintf(&b, "MIME-Version: 1.0\nContent-Type: %s\nContent-Transfer-Encoding: %s\n\n%s", kind, encoding, body)
	mail := b.String()
	if o.Variant != BareLF {
		mail = strings.ReplaceAll(strings.ReplaceAll(mail, "\r\n", "\n"), "\n", "\r\n")
	}
	return []byte(mail)
}

func (o *MailOptions) html(text string) string {
	var b strings.Builder
	b.WriteString("<html><head><style>p { color: #012; }</style></head><body>\n<p>")
	for line := range strings.Lines(text) {
		b.WriteString(html.EscapeString(strings.TrimSuffix(line, "\n")) + "<br>\n")
	}
	b.WriteString("</p></body></html>\n")
	return strings.Replace(b.String(), " on node ", " on&nbsp;node <b>", 1)
}

func (o *MailOptions) multipart(text string) string {
	const boundary = "------=_Part_0_1767225600"
	return "This is a multi-part message.\n" +
		boundary + "\nContent-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: quoted-printable\n\n" + quoted(text) + "\n" +
		boundary + "\nContent-Type: text/html; charset=UTF-8\nContent-Transfer-Encoding: base64\n\n" + wrapped(o.html(text)) +
		boundary + "--\n"
}

func quoted(text string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	w.Write([]byte(text)) // a strings.Builder never fails
	w.Close()
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}

func wrapped(text string) string {
	s := base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
	var b strings.Builder
	for len(s) > 76 {
		b.WriteString(s[:76] + "\n")
		s = s[76:]
	}
	return b.String() + s + "\n"
}

// latin1 is text in ISO-8859-1; what that lacks becomes a question mark.
func latin1(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r > 0xff {
			r = '?'
		}
		b.WriteByte(byte(r))
	}
	return b.String()
}
