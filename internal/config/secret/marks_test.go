package secret

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf16"
)

func wide(order binary.AppendByteOrder, text string) string {
	b := order.AppendUint16(nil, 0xfeff)
	for _, u := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

// A secret is the same, however an editor on Windows has saved it.
func TestMarks(t *testing.T) {
	name := filepath.Join(t.TempDir(), "imap.secret")
	const password = "grün 🔑 p4ss"
	for text, want := range map[string]string{
		password: password, password + "\r\n": password,
		"\xef\xbb\xbf" + password: password, "\xef\xbb\xbf" + password + "\r\n": password,
		wide(binary.LittleEndian, password+"\r\n"): password, wide(binary.BigEndian, password): password,
		"\xff\xfe\x00":             "\xff\xfe\x00",
		"\xff\xfe\x00\x00ab":       "\xff\xfe\x00\x00ab",
		"\xfe\xff\xd8\x00\x00a":    "\xfe\xff\xd8\x00\x00a",
		password + "\ufeff" + "\n": password + "\ufeff",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := File(name).Read(); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
		if ca, err := ReadCA(name); err != nil || text == "\xef\xbb\xbf"+password && ca.pem != password {
			t.Errorf("%q: %q, %v", text, ca.pem, err)
		}
	}
	if err := os.WriteFile(name, []byte("\xef\xbb\xbf"+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := File(name).Read(); err == nil {
		t.Errorf("a file with a mark alone has the secret %q", got)
	}
}
