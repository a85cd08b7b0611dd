package proof

import (
	"regexp"
	"strings"
)

// Header fields with marks.
const (
	NoticeField = "X-Grab-Notice"
	CanaryField = "X-Grab-Canary"
)

// MessageID is the Message-ID of a mail of ours; id is hex.
func MessageID(kind, id, domain string) string {
	return "<grab-" + kind + "." + id + "@" + domain + ">"
}

var (
	ownID  = regexp.MustCompile(`^<grab-(notice|canary)\.[0-9a-f]{8,64}@[^>\s]+>$`)
	markRE = regexp.MustCompile(`GRABN1-[0-9a-f]{12}-[0-9a-f]{32}|GRABC1-[0-9a-f]{8}-[0-9a-z]{1,13}-[0-9a-z]{1,13}-[0-9a-f]{32}`)
)

// A Mail is what is looked at to tell whether a mail is ours.
type Mail struct {
	Raw   []byte
	Text  string                   // decoded
	Field func(name string) string // the first header field of that name, or ""
}

// What a mail of ours is.
const (
	Foreign = ""       // none of ours
	Arrived = "canary" // a canary that came back as it was sent
	Loop    = "loop"   // a notice, or a mail that quotes a mail of ours: a reply, a bounce, a forward
)

// maxMarks bounds the marks of one mail that are verified.
const maxMarks = 100

// Whose tells whether a mail is ours, of all the mailboxes that have canaries. A
// canary counts as arrived only by its own header field: one that is quoted, as in
// a bounce, came another way.
func (k Key) Whose(m Mail, mailboxes []string) (what string, t Token) {
	if t, ok := k.readCanary(m.Field(CanaryField), mailboxes); ok {
		return Arrived, t
	}
	if k.isNotice(m.Field(NoticeField)) {
		return Loop, Token{}
	}
	for _, text := range [][]byte{m.Raw, []byte(m.Text)} {
		for _, found := range markRE.FindAll(text, maxMarks) {
			mark := string(found)
			if _, ok := k.readCanary(mark, mailboxes); ok || k.isNotice(mark) {
				return Loop, Token{}
			}
		}
	}
	auto, _, _ := strings.Cut(m.Field("Auto-Submitted"), ";")
	if strings.EqualFold(strings.TrimSpace(auto), "auto-generated") && ownID.MatchString(m.Field("Message-ID")) {
		return Loop, Token{} // of another installation, or of a key that was lost
	}
	return Foreign, Token{}
}
