package hostcmd

import (
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// hostile are names that mean something to a shell, to printf or to an option
// parser.
var hostile = []string{"", "'", "''", `'\''`, `"`, `\`, "$(touch /tmp/pwned)", "`id`", ";rm -rf ~", "-rf", "--help", "a\nb", "\n", " ", "*", "?", "[a]", "~", "!x",
	"%s%n", `\000`, "\xff\xfe", "\u202e", "$HOME", "&", "|", ">x", "#", strings.Repeat("n", 255), "a'b'c", "'; echo x; '", "\x01\x7f", "=", "{a,b}"}

// shell gives back what sh makes of a quoted string.
func shell(t *testing.T, s string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", "printf %s "+Quote(s)).Output()
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return string(out)
}

func TestQuote(t *testing.T) {
	for _, s := range hostile {
		if got := shell(t, s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

// FuzzQuote: whatever is quoted, a shell reads the same bytes.
func FuzzQuote(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsRune(s, 0) {
			if _, err := Line(VerbList, s); err == nil {
				t.Error("a NUL was taken")
			}
			return
		}
		if got := shell(t, s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	})
}

// FuzzParse: a line that is parsed is one that Line makes; nothing else passes.
func FuzzParse(f *testing.F) {
	for _, s := range hostile {
		line, err := Line(VerbList, "nonce", s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
		f.Add(line + s)
	}
	f.Add("exec env LC_ALL=C sh -c 'rm -rf /' 'list'")
	f.Add("exec env LC_ALL=C sh -c " + Quote(list) + " 'list' '\x00'")
	f.Fuzz(func(t *testing.T, line string) {
		verb, args, ok := Parse(line)
		if !ok {
			return
		}
		if again, err := Line(verb, args...); err != nil || again != line {
			t.Errorf("%q was parsed as %q of %q, which is %q (%v)", line, verb, args, again, err)
		}
	})
}

func TestParse(t *testing.T) {
	for _, verb := range []string{VerbProbe, VerbList, VerbLook, VerbRead} {
		line, err := Line(verb, hostile...)
		if err != nil {
			t.Fatal(err)
		}
		if v, args, ok := Parse(line); !ok || v != verb || !slices.Equal(args, hostile) {
			t.Errorf("%s: %v %q", verb, ok, args)
		}
		for _, bad := range []string{line + ";id", line + " id", line + " '", strings.Replace(line, "stat", "rm", 1), " " + line, strings.Replace(line, "exec env", "env", 1)} {
			if _, _, ok := Parse(bad); ok {
				t.Errorf("parsed: %q", bad)
			}
		}
	}
	if _, err := Line("rm", "x"); err == nil {
		t.Error("a verb that is none was taken")
	}
	r := Read{Nonce: "n", Head: 4096, File: File{"1:2", "/a'b", "/a"}, From: 7, Count: 9, Gzip: true}
	line, err := r.Line()
	if err != nil {
		t.Fatal(err)
	}
	_, args, _ := Parse(line)
	if got, err := ParseRead(args); err != nil || got != r {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []File{{"1:2", "-rf", "/"}, {"1:2", "/a", "b"}, {"1:2", "/a\x00", "/"}, {"", "/a", "/"}} {
		if _, err := (Read{File: bad, Count: 1}).Line(); err == nil {
			t.Errorf("taken: %+v", bad)
		}
	}
	l := Look{"n", 16384, []File{{"", "/a'b", "/a"}, {"1:2", "/c", "/"}}}
	if line, err = l.Line(); err != nil {
		t.Fatal(err)
	}
	_, args, _ = Parse(line)
	if got, err := ParseLook(args); err != nil || !reflect.DeepEqual(got, l) {
		t.Errorf("%+v %v", got, err)
	}
}

// The scripts hold nothing that writes: no output redirection but to stderr and
// /dev/null, and none but the known commands.
func TestScriptsOnlyRead(t *testing.T) {
	for verb, s := range scripts {
		for _, harmless := range []string{"2>/dev/null", "2>&1", ">/dev/null", ">&2"} {
			s = strings.ReplaceAll(s, harmless, "")
		}
		if strings.ContainsAny(s, ">\n`!&") && strings.ContainsAny(strings.NewReplacer("&&", "", "! -h", "", `!\000`, "", `!\00042`, "").Replace(s), ">\n`!&") {
			t.Errorf("%s: %s", verb, s)
		}
		for _, word := range []string{"rm", "mv", "cp", "dd", "eval", "source", "tee", "touch", "chmod", "mkdir", "kill"} {
			if slices.Contains(strings.FieldsFunc(s, func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz", r) }), word) {
				t.Errorf("%s runs %s", verb, word)
			}
		}
	}
}
