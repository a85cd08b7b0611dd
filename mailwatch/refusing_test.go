package mailwatch

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A server that answers NO or BAD to each command in turn, sends what nobody asked
// for, or lies about sizes, costs a connection at most: the watcher gives signs of
// life all the while, and is well as soon as the server is.
func TestRefusingServers(t *testing.T) {
	answers := map[string]func(p *puppet, tag string){
		"NO":  func(p *puppet, tag string) { p.say("%s NO [SERVERBUG] not today\r\n", tag) },
		"BAD": func(p *puppet, tag string) { p.say("%s BAD what?\r\n", tag) },
		"unsolicited": func(p *puppet, tag string) {
			p.say("* 7 EXISTS\r\n* 9 EXPUNGE\r\n* 3 FETCH (FLAGS (\\Seen) UID 3)\r\n* LIST () \"/\" x\r\n* SEARCH 1 2\r\n* CAPABILITY IMAP4rev1\r\n* FLAGS ()\r\n%s OK done\r\n", tag)
		},
		"other tag": func(p *puppet, tag string) { p.say("x%s OK done\r\n", tag) },
		"more than is said": func(p *puppet, tag string) {
			p.say("* 1 FETCH (UID 1 RFC822.SIZE 5 INTERNALDATE \"01-Jan-2026 00:00:00 +0000\" BODY[] {2}\r\n%s)\r\n%s OK done\r\n", strings.Repeat("x", 500), tag)
		},
		"less than is said": func(p *puppet, tag string) {
			p.say("* 1 FETCH (UID 1 RFC822.SIZE 4294967295 INTERNALDATE \"01-Jan-2026 00:00:00 +0000\" BODY[] {500}\r\nxx)\r\n%s OK done\r\n", tag)
		},
		"negative": func(p *puppet, tag string) {
			p.say("* 1 FETCH (UID 0 RFC822.SIZE -1 INTERNALDATE \"99-Foo-0000 00:00:00 +9999\" BODY[] {-1}\r\n)\r\n%s OK done\r\n", tag)
		},
	}
	for _, verb := range []string{"CAPABILITY", "LOGIN", "EXAMINE", "UID SEARCH", "UID FETCH", "IDLE", "DONE", "NOOP"} {
		for what, answer := range answers {
			t.Run(fmt.Sprint(what, " to ", verb), func(t *testing.T) {
				asked := 0
				s := play(t, 15*time.Minute, first(on(verb, func(p *puppet, tag string) { asked++; answer(p, tag) })))
				if s.up == 0 || s.dials > 6 {
					t.Errorf("up %d times on %d connections: %q", s.up, s.dials, s.down)
				}
				if s.pause > time.Minute {
					t.Errorf("no sign of life for %v", s.pause)
				}
				if asked == 0 && verb != "UID SEARCH" {
					t.Error("it was never asked")
				}
			})
		}
	}
}
