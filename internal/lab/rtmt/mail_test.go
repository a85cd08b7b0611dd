package rtmt

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// readMail is the text of a mail's first part, decoded by the standard library.
func readMail(t *testing.T, raw []byte) (mail.Header, string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	body, encoding := m.Body, m.Header.Get("Content-Transfer-Encoding")
	if strings.HasPrefix(kind, "multipart/") {
		p, err := multipart.NewReader(body, params["boundary"]).NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		body, encoding = p, p.Header.Get("Content-Transfer-Encoding")
	}
	switch encoding {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return m.Header, string(b)
}

func newYork(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestMailVariants(t *testing.T) {
	at := time.Date(2026, 3, 2, 14, 14, 7, 0, time.UTC)
	if len(Variants()) < 10 {
		t.Fatalf("only %d variants", len(Variants()))
	}
	ids := map[string]bool{}
	for _, v := range Variants() {
		t.Run(string(v), func(t *testing.T) {
			o := MailOptions{Variant: v, Count: 3, Time: at, Zone: newYork(t), Node: "cucm02"}
			raw, truth := Mail(o), o.Truth()
			h, text := readMail(t, raw)
			ids[h.Get("Message-Id")] = true
			if d, err := h.Date(); err != nil || !d.Equal(at.Add(2*time.Second)) {
				t.Errorf("date %v, %v", d, err)
			}
			if _, err := h.AddressList("From"); err != nil {
				t.Error(err)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
			if err != nil || !strings.HasPrefix(subject, "[RTMT-ALERT-"+truth.Cluster+"] "+truth.Name) {
				t.Errorf("subject %q, %v", subject, err)
			}
			if bare := bytes.Contains(bytes.ReplaceAll(raw, []byte("\r\n"), nil), []byte("\n")); bare != (v == BareLF) {
				t.Errorf("bare line ends: %v", bare)
			}
			want := []string{truth.Name, truth.Node}
			switch v {
			case GMT:
				want = append(want, "Mon Mar 02 14:14:07 GMT+00:00 2026")
			case LyingZone:
				want = append(want, "Mon Mar 02 09:14:07 CST 2026")
			default:
				want = append(want, "Mon Mar 02 09:14:07 EST 2026")
			}
			if truth.Count != nil {
				want = append(want, "(3) is over 0 threshold")
			}
			for _, w := range want {
				if !strings.Contains(text, w) {
					t.Errorf("%q is not in the text:\n%s", w, text)
				}
			}
			if has := strings.Contains(text, "cucm02") || strings.Contains(text, "10.0.20.12"); has != (truth.Node != "") {
				t.Errorf("node in the text: %v, truth %q", has, truth.Node)
			}
			if has := strings.Contains(text, "Cluster"); !has || (v == EmptyCluster) != (truth.Cluster == "") {
				t.Errorf("cluster %q", truth.Cluster)
			}
			if !bytes.Equal(raw, Mail(o)) {
				t.Error("the same options make another mail")
			}
		})
	}
	if len(ids) != len(Variants()) {
		t.Errorf("%d Message-IDs for %d variants", len(ids), len(Variants()))
	}
}

func TestMailKeepsWhatItIsGiven(t *testing.T) {
	hostile := strings.Repeat("../../x", 200)
	h, _ := readMail(t, Mail(MailOptions{Subject: hostile, MessageID: "a@b", Node: "10.1.1.1", Variant: NodeIP, Time: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)}))
	if h.Get("Subject") != hostile || h.Get("Message-Id") != "<a@b>" {
		t.Errorf("header %v", h)
	}
	summer := MailOptions{Time: time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC), Zone: newYork(t), Variant: LyingZone}
	if _, text := readMail(t, Mail(summer)); !strings.Contains(text, "Mon Aug 03 08:00:00 EST 2026") {
		t.Errorf("no EST in August:\n%s", text)
	}
}

func TestStorm(t *testing.T) {
	at := time.Date(2026, 3, 2, 14, 14, 7, 0, time.UTC)
	mails := Storm(MailOptions{Time: at, MessageID: "storm@x"}, 5, 0)
	ids := map[string]bool{}
	for i, m := range mails {
		h, _ := readMail(t, m.Raw)
		ids[h.Get("Message-Id")] = true
		if want := at.Add(time.Duration(i) * 30 * time.Second); !m.Time.Equal(want) {
			t.Errorf("mail %d is of %v, want %v", i, m.Time, want)
		}
	}
	if len(mails) != 5 || len(ids) != 5 {
		t.Errorf("%d mails, %d Message-IDs", len(mails), len(ids))
	}
}

func imapDial(t *testing.T, m *Mailbox, o *imapclient.Options) *imapclient.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(m.CAPEM()) {
		t.Fatal("no CA in CAPEM")
	}
	o.TLSConfig = &tls.Config{RootCAs: roots}
	c, err := imapclient.DialTLS(m.Addr(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Login(m.User, m.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMailboxDeliversToIdle(t *testing.T) {
	m, err := NewMailbox(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	news := make(chan struct{}, 8)
	c := imapDial(t, m, &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(d *imapclient.UnilateralDataMailbox) { news <- struct{}{} }}})
	if caps, err := c.Capability().Wait(); err != nil || !caps.Has(imap.CapIdle) {
		t.Fatalf("capabilities %v, %v", caps, err)
	}
	sel, err := c.Select("INBOX", nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	raw, at := Mail(MailOptions{}), time.Date(2026, 3, 2, 14, 14, 9, 0, time.UTC)
	hears := func(what string) {
		t.Helper()
		select {
		case <-news:
		case <-time.After(time.Minute):
			t.Fatalf("a mail that was delivered %s is not announced", what)
		}
	}
	if err := m.Deliver(raw, at); err != nil {
		t.Fatal(err)
	}
	idle, err := c.Idle()
	if err != nil {
		t.Fatal(err)
	}
	hears("before IDLE")
	if err := m.Deliver(raw, at); err != nil {
		t.Fatal(err)
	}
	hears("during IDLE")
	if err := idle.Close(); err != nil {
		t.Fatal(err)
	}
	body := &imap.FetchItemBodySection{}
	got, err := c.Fetch(imap.SeqSetNum(1), &imap.FetchOptions{InternalDate: true, UID: true, BodySection: []*imap.FetchItemBodySection{body}}).Collect()
	if err != nil || len(got) != 1 {
		t.Fatalf("fetched %d mails, %v", len(got), err)
	}
	if !bytes.Equal(got[0].FindBodySection(body), raw) || !got[0].InternalDate.Equal(at) {
		t.Error("the mail or its INTERNALDATE is not what was delivered")
	}
	if err := m.Recreate(); err != nil {
		t.Fatal(err)
	}
	if again, err := c.Select("INBOX", nil).Wait(); err != nil || again.UIDValidity == sel.UIDValidity || again.NumMessages != 0 {
		t.Errorf("after Recreate: %+v, %v", again, err)
	}
}

func TestMailboxDownAndUp(t *testing.T) {
	m, err := NewMailbox(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Deliver([]byte("Subject: kept\r\n\r\nkept\r\n"), time.Time{}); err != nil {
		t.Fatal(err)
	}
	c := imapDial(t, m, &imapclient.Options{})
	m.SetDown(true)
	if err := c.Noop().Wait(); err == nil {
		t.Error("the connection was not closed")
	}
	addr := m.Addr()
	if err := m.SetDown(false); err != nil {
		t.Fatal(err)
	}
	c = imapDial(t, m, &imapclient.Options{})
	if sel, err := c.Select("INBOX", nil).Wait(); err != nil || sel.NumMessages != 1 || m.Addr() != addr {
		t.Errorf("after the restart: %+v, %v", sel, err)
	}
	for m.Connections() != 1 { // the first one is going
		time.Sleep(time.Millisecond)
	}
	if !slices.Contains(Variants(), Plain) {
		t.Error("no plain variant")
	}
}
