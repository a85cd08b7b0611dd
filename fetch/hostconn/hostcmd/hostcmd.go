// Package hostcmd is the few commands by which logs are read on a host that
// offers no SFTP: how they are written, and what they answer.
//
// A command line is one constant script for /bin/sh, followed by its arguments,
// each in single quotes. Names are arguments and nothing else: no byte of a name
// is ever read as a piece of a script, a pattern, an option or a format, for the
// scripts use arguments in double quotes only and all paths are absolute or
// begin with "./". The scripts run cd, stat, head, tail, on request gzip, and
// what every shell has built in ([, printf, set). They change nothing.
//
// An answer consists of fields that end with a NUL and of bytes whose length the
// reader finds by a marker, the nonce, which differs from command to command.
// Whatever a login script prints before the first marker is passed over.
//
// It needs a POSIX shell (dash, bash and busybox were tried), stat with -c as
// GNU and busybox have it, and Linux's /proc/self/fd.
package hostcmd

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Codes of what can be wrong: exit codes, and in the answer to VerbLook.
const (
	ExitLacking = 39 // a tool that is needed is not there
	ExitStat    = 40 // the name cannot be looked at, for the reason that comes with it
	ExitKind    = 41 // it is no folder or no regular file, or may not be read
	ExitGone    = 42 // no name of the family is the wanted file any more
)

// The verbs: what a line asks for, and its arguments.
const (
	VerbProbe = "probe" // NONCE TOOL...: are they there, and /proc?
	VerbList  = "list"  // NONCE DIR: names, sizes, times
	VerbLook  = "look"  // NONCE HEAD, then any number of ID PATH PREFIX: which file it is, and how it begins
	VerbRead  = "read"  // NONCE HEAD ID PATH PREFIX FROM COUNT PACK: part of a file, and proof of which file it is
)

// Each stat of a file is printed so: mode (hex), size, mtime, device:inode.
const statFormat = `%f %s %Y %d:%i`

// scripts holds, by verb, what is run. $0 is the verb.
var scripts = map[string]string{VerbProbe: probe, VerbList: list, VerbLook: look, VerbRead: read}

// probe answers "nonce NUL device:inode NUL" of the folder /.
const probe = `N=$1; shift; for t; do command -v "$t" >/dev/null || { echo "no $t" >&2; exit 39; }; done; ` +
	`s=$({ stat -L -c '%d:%i' /proc/self/fd/3; } 3</) || exit 39; printf '%s\000' "$N" "$s"`

// Tools are what list, look and read need, Packers what a Read with Gzip needs too.
var (
	Tools   = []string{"stat", "head", "tail"}
	Packers = []string{"nice", "gzip"}
)

// list answers "nonce NUL", groups of names, and "0 NUL nonce NUL". A group is
// "n NUL", n names "./name NUL", and n lines of stat that end with a NUL. Names
// that begin with a dot are left out. A name that goes meanwhile costs its group
// a second look, one by one.
const list = `N=$1; cd "$2" 2>/dev/null || { stat -L -c . "$2" >/dev/null || exit 40; exit 41; }; [ -r . ] || exit 41; printf '%s\000' "$N"; ` +
	`e() { if s=$(stat -c '` + statFormat + `' "$@" 2>/dev/null); then printf '%s\000' $# "$@" "$s"; elif [ $# -gt 1 ]; then for g; do e "$g"; done; fi; }; ` +
	`set --; for f in ./*; do set -- "$@" "$f"; if [ $# -ge 100 ]; then e "$@"; set --; fi; done; ` +
	`if [ $# -gt 0 ]; then e "$@"; fi; printf '%s\000' 0 "$N"`

// opening is what look and read have in common. r opens a name, sees to it that
// what it has opened is a regular file, and device:inode W (or, if that is empty,
// what the name still leads to without a symbolic link), and answers by a, which
// works on the open file: no rename can exchange that. w tries the names that
// begin with D for one that is W.
const opening = `S=/proc/self/fd/3 F='` + statFormat + `'; ` +
	`r() { [ -f "$1" ] && [ ! -h "$1" ] || return 1; { s=$(stat -L -c "$F" $S) || return 1; ` +
	`if [ -z "$W" ]; then [ "$1" -ef $S ] || return 1; else case "$s" in *" $W") ;; *) return 1;; esac; fi; a "$1"; } 3<"$1"; }; ` +
	`w() { for k in 1 2; do set -- "$D"*; for i in $(stat -c '%d:%i' "$@" 2>/dev/null); do if [ "$i" = "$W" ]; then r "$1" && return 0; fi; shift; done; done; return 1; }; `

// look answers "nonce NUL", for each file in turn
//
//	= NUL stat NUL path NUL  head  NUL nonce NUL     or
//	! NUL code NUL reason NUL
//
// and "nonce NUL". head is the first HEAD bytes or less, read after the stat.
const look = `N=$1 H=$2; shift 2; ` + opening +
	`a() { printf '=\000%s\000%s\000' "$s" "$1"; head -c "$H" $S; printf '\000%s\000' "$N"; }; ` +
	`x() { c=41; e=$(stat -c . "$1" 2>&1 >/dev/null) || c=40; [ $c = 40 ] || [ -r "$1" ] || e='Permission denied'; printf '!\000%s\000%s\000' $c "$e"; }; ` +
	`printf '%s\000' "$N"; while [ $# -gt 2 ]; do W=$1 P=$2 D=$3; shift 3; ` +
	`if [ -z "$W" ]; then r "$P" || r "$P" || r "$P" || x "$P"; else r "$P" || w || printf '!\00042\000\000'; fi; done; printf '%s\000' "$N"`

// read answers
//
//	nonce NUL stat NUL path NUL  data  NUL nonce NUL  head  NUL nonce NUL stat NUL
//
// data is COUNT bytes or less from FROM on (the first byte is 1), as they are or,
// with PACK gzip, compressed. head is the first HEAD bytes or less, read after
// data, so that a truncation before shows in it.
const read = `N=$1 H=$2 W=$3 P=$4 D=$5 O=$6 C=$7 Z=$8; ` + opening +
	`a() { printf '%s\000' "$N" "$s" "$1"; if [ "$Z" = gzip ]; then tail -c +"$O" $S | head -c "$C" | nice -n 19 gzip -c -1; ` +
	`else tail -c +"$O" $S | head -c "$C"; fi; printf '\000%s\000' "$N"; head -c "$H" $S; s=$(stat -L -c "$F" $S) || exit 41; ` +
	`printf '\000%s\000%s\000' "$N" "$s"; exit 0; }; r "$P"; w; exit 42`

// Line is the command line that runs a verb's script with arguments.
func Line(verb string, args ...string) (string, error) {
	script, ok := scripts[verb]
	if !ok {
		return "", fmt.Errorf("there is no command %q", verb)
	}
	line := "exec env LC_ALL=C sh -c " + Quote(script) + " " + Quote(verb)
	for _, a := range args {
		if strings.ContainsRune(a, 0) {
			return "", errors.New("a name holds a NUL")
		}
		line += " " + Quote(a)
	}
	return line, nil
}

// Quote puts s into single quotes, so that a shell reads exactly s. s holds no NUL.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// A File is one that is looked at or read.
type File struct {
	ID     string // "device:inode"; empty, for Look only: whatever file has the name
	Path   string // absolute
	Prefix string // absolute: of the names among which ID is looked for
}

func (f File) check() error {
	if !strings.HasPrefix(f.Path, "/") || !strings.HasPrefix(f.Prefix, "/") {
		return errors.New("the path is not absolute")
	}
	return nil
}

// A Look is the arguments of VerbLook.
type Look struct {
	Nonce string
	Head  int64
	Files []File
}

// Line is the command line of a Look.
func (l Look) Line() (string, error) {
	args := []string{l.Nonce, number(l.Head)}
	for _, f := range l.Files {
		if err := f.check(); err != nil {
			return "", err
		}
		args = append(args, f.ID, f.Path, f.Prefix)
	}
	return Line(VerbLook, args...)
}

// ParseLook is the inverse of Look.Line, from the arguments that Parse gives.
func ParseLook(args []string) (l Look, err error) {
	if len(args)%3 != 2 {
		return l, fmt.Errorf("look has %d arguments", len(args))
	}
	l.Nonce = args[0]
	if l.Head, err = parseNumber(args[1]); err != nil {
		return l, err
	}
	for f := args[2:]; len(f) > 0; f = f[3:] {
		l.Files = append(l.Files, File{f[0], f[1], f[2]})
	}
	return l, nil
}

// A Read is the arguments of VerbRead.
type Read struct {
	Nonce string
	Head  int64
	File
	From  int64 // offset, from 0
	Count int64 // above 0
	Gzip  bool
}

// Line is the command line of a Read.
func (r Read) Line() (string, error) {
	if err := r.check(); err != nil {
		return "", err
	}
	if r.ID == "" || r.Count <= 0 {
		return "", errors.New("nothing is to be read")
	}
	pack := "plain"
	if r.Gzip {
		pack = "gzip"
	}
	return Line(VerbRead, r.Nonce, number(r.Head), r.ID, r.Path, r.Prefix, number(r.From+1), number(r.Count), pack)
}

// ParseRead is the inverse of Read.Line, from the arguments that Parse gives.
func ParseRead(args []string) (r Read, err error) {
	if len(args) != 8 {
		return r, fmt.Errorf("read has %d arguments", len(args))
	}
	r = Read{Nonce: args[0], File: File{args[2], args[3], args[4]}, Gzip: args[7] == "gzip"}
	var errs [3]error
	r.Head, errs[0] = parseNumber(args[1])
	r.From, errs[1] = parseNumber(args[5])
	r.Count, errs[2] = parseNumber(args[6])
	r.From--
	return r, errors.Join(errs[:]...)
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func parseNumber(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is no number", s)
	}
	return n, nil
}

// Parse reads a command line that Line has made, and no other.
func Parse(line string) (verb string, args []string, ok bool) {
	rest, ok := strings.CutPrefix(line, "exec env LC_ALL=C sh -c ")
	if !ok || strings.ContainsRune(line, 0) {
		return "", nil, false
	}
	words, ok := words(rest)
	if !ok || len(words) < 2 || scripts[words[1]] == "" || scripts[words[1]] != words[0] {
		return "", nil, false
	}
	return words[1], words[2:], true
}

// words splits a line of words that are each as Quote writes them.
func words(s string) (out []string, ok bool) {
	for {
		word := ""
		for part := 0; ; part++ {
			if !strings.HasPrefix(s, "'") {
				return nil, false
			}
			body, rest, found := strings.Cut(s[1:], "'")
			if !found {
				return nil, false
			}
			word += body
			if s, found = strings.CutPrefix(rest, `\'`); !found {
				s = rest
				break
			}
			word += "'"
		}
		out = append(out, word)
		if s == "" {
			return out, true
		}
		if s, ok = strings.CutPrefix(s, " "); !ok {
			return nil, false
		}
	}
}
