package envelope

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// withPassphrase is what `age -p` makes of a text, with less work.
func withPassphrase(t testing.TB, words, text string, armored bool) string {
	t.Helper()
	r, err := age.NewScryptRecipient(words)
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(4)
	var out bytes.Buffer
	var to io.WriteCloser = nopCloser{&out}
	if armored {
		to = armor.NewWriter(&out)
	}
	w, err := age.Encrypt(to, r)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, text)
	if err := errors.Join(w.Close(), to.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// Keys with a passphrase open what is theirs, with that and with no other; the
// passphrase is asked for with the file's name, and is in no error.
func TestUnlock(t *testing.T) {
	t.Parallel()
	const words = "correct horse"
	dir := t.TempDir()
	all := pairs(t, dir)
	plain := put(t, dir, "plain", "a log line\n")
	for kind, c := range map[string]pair{
		"age":         {put(t, dir, "locked", withPassphrase(t, words, "# a comment\n"+read(t, all["x25519"].key), false)), all["x25519"].to},
		"age armored": {put(t, dir, "armored", withPassphrase(t, words, read(t, all["pq"].key), true)), all["pq"].to},
		"ed25519":     {sshLocked(t, dir, all["ed25519"].key, words), all["ed25519"].to},
		"rsa":         {sshLocked(t, dir, all["rsa"].key, words), all["rsa"].to},
		"rsa, PEM":    {sshLocked(t, dir, all["rsa"].key, words, "-m", "PEM"), all["rsa"].to},
	} {
		r, err := ReadRecipients(c.to)
		if err != nil {
			t.Fatal(err)
		}
		sealed, opened := filepath.Join(dir, "sealed"), filepath.Join(dir, "opened")
		if _, err := Encrypt(t.Context(), plain, sealed, r); err != nil {
			t.Fatal(err)
		}
		asked := ""
		keys, err := UnlockKeys(func(file string) (string, error) { asked = file; return words, nil }, c.key)
		if err == nil {
			err = Decrypt(t.Context(), sealed, opened, keys)
		}
		if err != nil || read(t, opened) != "a log line\n" || asked != c.key {
			t.Errorf("%s: %v, asked for %q", kind, err, asked)
		}
		if _, err := UnlockKeys(nil, c.key); !errors.Is(err, ErrNoPassphrase) {
			t.Errorf("%s: %v", kind, err)
		}
		for _, wrong := range []string{"", "wrong horse"} {
			if _, err := UnlockKeys(func(string) (string, error) { return wrong, nil }, c.key); !errors.Is(err, ErrWrongPassphrase) || wrong != "" && strings.Contains(err.Error(), wrong) {
				t.Errorf("%s with %q: %v", kind, wrong, err)
			}
		}
		gone := errors.New("nobody answers")
		if _, err := UnlockKeys(func(string) (string, error) { return "", gone }, c.key); !errors.Is(err, gone) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	// a key without a passphrase is not asked for one
	if _, err := UnlockKeys(func(string) (string, error) { t.Error("asked"); return "", nil }, all["rsa"].key, all["x25519"].key); err != nil {
		t.Error(err)
	}
	never := func(string) (string, error) { return words, nil }
	sealed := filepath.Join(dir, "to-a-key")
	r, _ := ReadRecipients(all["x25519"].to)
	if _, err := Encrypt(t.Context(), plain, sealed, r); err != nil {
		t.Fatal(err)
	}
	for says, file := range map[string]string{
		"is it the bundle?":  sealed,
		"is damaged":         put(t, dir, "cut", withPassphrase(t, words, "AGE-SECRET-KEY-1", false)[:190]),
		"no key of age":      put(t, dir, "none", withPassphrase(t, words, "AGE-SECRET-KEY-1BROKEN\n", true)),
		"begins like a file": put(t, dir, "armor", armor.Header+"\nnonsense\n"+armor.Footer+"\n"),
	} {
		if _, err := UnlockKeys(never, file); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "SECRET-KEY") {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sshLocked is a copy of an SSH key with a passphrase.
func sshLocked(t testing.TB, dir, key, words string, form ...string) string {
	t.Helper()
	name := put(t, dir, filepath.Base(key)+"-locked"+strings.Join(form, ""), read(t, key))
	stock(t, dir, "ssh-keygen", append([]string{"-q", "-p", "-a", "1", "-P", "", "-N", words, "-f", name}, form...)...)
	return name
}

// A site's file of recipients says whose each is.
func TestRecipientsComments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	all := pairs(t, dir)
	x, ssh := all["x25519"].to, all["ed25519"].to
	file := put(t, dir, "to", "\ufeff# Analysts\r\n\t# second shift\r\n"+x+"  # Alice, until May\r\n"+x+"\t#Bob\n"+ssh+" # Carol\n \n#"+x+"\n")
	r, err := ReadRecipients(file)
	if err != nil || len(r.Names) != 3 || r.Names[0] != x || strings.Contains(strings.Join(r.Names, " "), "Carol") {
		t.Errorf("%q, %v", r.Names, err)
	}
	if _, err := ReadRecipients(put(t, dir, "glued", x+"#Alice\n")); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Error(err)
	}
}

// What Notepad or PowerShell's > has saved is the same recipient, and the same key.
func TestMarked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	to, err := NewKey(filepath.Join(dir, "analyst.key"))
	if err != nil {
		t.Fatal(err)
	}
	for name, save := range map[string]func(text string) string{
		"mark": func(text string) string { return "\ufeff" + text },
		"UTF-16": func(text string) string {
			wide := []byte("\xff\xfe")
			for _, c := range text {
				wide = append(wide, byte(c), 0)
			}
			return string(wide)
		},
	} {
		if r, err := ReadRecipients(put(t, dir, name+".txt", save(to+"\r\n"))); err != nil || len(r.Names) != 1 || r.Names[0] != to {
			t.Errorf("%s: %q, %v", name, r.Names, err)
		}
		if k, err := UnlockKeys(nil, put(t, dir, name+".key", save(read(t, filepath.Join(dir, "analyst.key"))))); err != nil || len(k.list) != 1 {
			t.Errorf("%s: %d keys, %v", name, len(k.list), err)
		}
	}
}

// FuzzKeys: no file of keys and no passphrase panics, and no error quotes a secret.
func FuzzKeys(f *testing.F) {
	f.Add("AGE-SECRET-KEY-1QQQ\n", "x")
	f.Add(withPassphrase(f, "x", "AGE-SECRET-KEY-1QQQ\n", false), "x")
	f.Add(withPassphrase(f, "x", "# nothing\n", true), "x")
	f.Add("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "")
	f.Fuzz(func(t *testing.T, text, words string) {
		if strings.Contains(text, "scrypt") {
			if i := strings.Index(text, "-> scrypt "); i < 0 || len(strings.Fields(text[i:])) < 4 || len(strings.Fields(text[i:])[3]) > 1 {
				return // more work than a test has time for
			}
		}
		list, err := parseKeys([]byte(text), func() (string, error) { return words, nil })
		if (err == nil) == (len(list) == 0) {
			t.Errorf("%d keys, %v", len(list), err)
		}
		if err != nil && len(text) > 30 && strings.Contains(err.Error(), text) {
			t.Errorf("quoted: %v", err)
		}
	})
}
