package smtpout

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// A Message is a mail of text that a program wrote.
type Message struct {
	ID      string    // with its angle brackets
	Date    time.Time // zero: now
	From    mail.Address
	To      []string // bare addresses
	Subject string
	Fields  [][2]string // further header fields; values are ASCII
	Text    string
}

const maxSubject = 300 // characters

var (
	fieldRE = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,60}$`)
	idRE    = regexp.MustCompile(`^<[A-Za-z0-9._-]+@[A-Za-z0-9.:\[\]_-]+>$`)
)

// Bytes writes the mail. Nothing in its texts can begin a header field; what does
// not fit is an error, or made to fit.
func (m Message) Bytes() ([]byte, error) {
	var b bytes.Buffer
	if !idRE.MatchString(m.ID) {
		return nil, fmt.Errorf("%q is not a Message-ID", m.ID)
	}
	date := m.Date
	if date.IsZero() {
		date = time.Now()
	}
	m.From.Name = evidence.Printable(m.From.Name, 100)
	fields := [][2]string{{"Date", date.Format("Mon, 02 Jan 2006 15:04:05 -0700")}, {"Message-ID", m.ID}, {"From", m.From.String()},
		{"To", strings.Join(angled(m.To), ",\r\n ")}, {"Subject", encoded(evidence.Printable(m.Subject, maxSubject))},
		{"Auto-Submitted", "auto-generated"}, {"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "quoted-printable"}}
	for _, f := range m.Fields {
		if !fieldRE.MatchString(f[0]) || strings.ContainsFunc(f[1], func(r rune) bool { return r < ' ' || r > '~' }) || len(f[1]) > 900 {
			return nil, fmt.Errorf("header field %q cannot be written", f[0])
		}
		fields = append(fields, f)
	}
	if bad := strings.Join(m.To, "") + m.From.Address; len(m.To) == 0 || strings.ContainsFunc(bad, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' || r == '>' || r == ',' }) {
		return nil, errors.New("not a bare address")
	}
	for _, f := range fields {
		b.WriteString(f[0] + ": " + f[1] + "\r\n")
	}
	b.WriteString("\r\n")
	q := quotedprintable.NewWriter(&b)
	text := strings.ReplaceAll(strings.ToValidUTF8(m.Text, "?"), "\r\n", "\n")
	_, err := q.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
	return b.Bytes(), errors.Join(err, q.Close())
}

// encoded is a subject in encoded words where it needs them, folded.
func encoded(s string) string {
	return strings.ReplaceAll(mime.QEncoding.Encode("utf-8", s), "?= =?", "?=\r\n =?")
}

func angled(list []string) []string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = "<" + a + ">"
	}
	return out
}
