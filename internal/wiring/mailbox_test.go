package wiring

import (
	"testing"

	"rtmtgrab/internal/config"
)

// A mailbox that was watched before there could be several keeps its cursor.
func TestCursorName(t *testing.T) {
	if got := CursorName(&config.Mail{Server: "imap.example.com:993", User: "rtmt@example.com"}, "INBOX"); got != "f34242059cbcdaca.json" {
		t.Error(got)
	}
}
