package secret

import (
	"strings"
	"testing"
)

func TestOpenTo(t *testing.T) {
	got := openTo(`C:\x\imap.secret`, []string{"Everyone", "Users"})
	for _, want := range []string{`C:\x\imap.secret can be read or changed by Everyone, Users: `, `icacls "C:\x\imap.secret" /inheritance:d`, `*S-1-5-32-545`, `%ProgramData%\grab`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
}
