// Package access speaks of Windows' access lists, which stand there for modes: who
// can read or change a file, and folders that are closed to all but a few. Lists are
// read in the text form of Windows (SDDL), so that judging them needs no Windows.
//
// Elsewhere everything that asks the system does nothing: modes hold there.
package access

import (
	"crypto/sha1"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Rights to a file or a folder.
const (
	ReadData   = 0x1 // to list, of a folder
	WriteData  = 0x2 // to add a file, of a folder
	AppendData = 0x4 // to add a folder, of a folder
	Execute    = 0x20
	Delete     = 0x10000
	WriteList  = 0x40000 // the access list itself
	WriteOwner = 0x80000

	fileRead    = 0x120089
	fileWrite   = 0x120116
	fileExecute = 0x1200a0
	fileAll     = 0x1f01ff
)

// Change is the rights with which a file's contents can be made other ones.
const Change = WriteData | AppendData | WriteList | WriteOwner

// A List is who may do what with a file or folder.
type List struct {
	Owner   string // a SID, or the two letters of a well-known one
	Open    bool   // there is no list: everybody may do everything
	Entries []Entry
}

// An Entry gives rights to one trustee, or takes them. The first entry that speaks of
// a right decides.
type Entry struct {
	Deny    bool
	Rights  uint32
	Trustee string // like List.Owner
	below   bool   // it is for what will be made in the folder, not for the folder
}

// broad are the groups that anybody is in, or anybody of some kind.
var broad = []struct{ sid, alias, name string }{
	{"S-1-1-0", "WD", "Everyone"},
	{"S-1-5-11", "AU", "Authenticated Users"},
	{"S-1-5-32-545", "BU", "Users"},
	{"S-1-5-32-546", "BG", "Guests"},
	{"S-1-5-32-547", "PU", "Power Users"},
	{"S-1-5-7", "AN", "Anonymous"},
	{"S-1-5-4", "IU", "Interactive"},
	{"S-1-5-2", "NU", "Network"},
	{"S-1-5-3", "", "Batch"},
	{"S-1-5-6", "SU", "Service"},
	{"S-1-2-0", "", "Local"},
	{"S-1-2-1", "", "Console logon"},
	{"S-1-5-80-0", "", "All services"},
	{"S-1-15-2-1", "AC", "All application packages"},
	{"", "DU", "Domain Users"},
	{"", "DG", "Domain Guests"},
	{"", "DC", "Domain Computers"},
}

// Broad names the groups of more or less anybody that have any of the rights, in a
// fixed order; nil if there is none.
func (l List) Broad(rights uint32) []string {
	if l.Open {
		return []string{"Everyone"}
	}
	var out []string
	for _, g := range broad {
		if l.has(rights, func(t string) bool { return t != "" && (t == g.sid || t == g.alias || domainGroup(t) == g.name) }) {
			out = append(out, g.name)
		}
	}
	return out
}

// keepsOut reports whether what is made in a folder is for nobody but those named:
// neither its own entries nor those that it hands down speak of a broad group.
func (l List) keepsOut() bool {
	all := List{Open: l.Open}
	for _, e := range l.Entries {
		e.below = false
		all.Entries = append(all.Entries, e)
	}
	return all.Broad(ReadData|Change) == nil
}

// domainGroup is the name of a broad group of a domain, of which the end of the SID
// tells.
func domainGroup(sid string) string {
	if strings.HasPrefix(sid, "S-1-5-21-") {
		switch {
		case strings.HasSuffix(sid, "-513"):
			return "Domain Users"
		case strings.HasSuffix(sid, "-514"):
			return "Domain Guests"
		case strings.HasSuffix(sid, "-515"):
			return "Domain Computers"
		}
	}
	return ""
}

// has reports whether a trustee has any of the rights. What Everyone is denied, all
// are.
func (l List) has(rights uint32, is func(string) bool) bool {
	var denied uint32
	for _, e := range l.Entries {
		switch {
		case e.below:
		case e.Deny && (is(e.Trustee) || e.Trustee == "WD" || e.Trustee == "S-1-1-0"):
			denied |= e.Rights
		case !e.Deny && is(e.Trustee) && e.Rights&rights&^denied != 0:
			return true
		}
	}
	return false
}

// Who may be the owner of what an administrator relies on: SYSTEM, the
// administrators of the machine and of the domain, Windows' installer.
var trusted = []string{"SY", "S-1-5-18", "BA", "S-1-5-32-544", "LA", "DA", "EA", "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"}

// Foreign says why something that an administrator is to rely on may have been put
// there by anybody, "" if it may not. me is the SID of the present user.
func (l List) Foreign(me string) string {
	if l.ForeignOwner(me) {
		return "it belongs to " + l.Owner + ", who is not an administrator"
	}
	if who := l.Broad(Change); who != nil {
		return strings.Join(who, ", ") + " can change it"
	}
	return ""
}

// ServiceSID is the SID of a Windows service, by its name: NT SERVICE\name.
func ServiceSID(name string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(strings.ToUpper(name))) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	sum := sha1.Sum(b)
	sid := "S-1-5-80"
	for i := 0; i < len(sum); i += 4 {
		sid += "-" + strconv.FormatUint(uint64(binary.LittleEndian.Uint32(sum[i:])), 10)
	}
	return sid
}

// Closed is the text of a list for SYSTEM, the Administrators and those given, in the
// form "FA;SID" or "0x1200a9;SID"; what is made below gets the same, and nothing comes
// from above.
func Closed(more ...string) string {
	s := "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
	for _, m := range more {
		rights, sid, _ := strings.Cut(m, ";")
		s += "(A;OICI;" + rights + ";;;" + sid + ")"
	}
	return s
}

// ForeignOwner is Foreign of the owner alone. more are SIDs that may be it too.
func (l List) ForeignOwner(me string, more ...string) bool {
	return l.Owner != me && !slices.Contains(trusted, l.Owner) && !slices.Contains(more, l.Owner)
}

// ServiceMay reports whether the service of that name, with an account of its own, has
// all the rights: itself, or as one of the groups that every such account is in.
func (l List) ServiceMay(name string, rights uint32) bool {
	sid := ServiceSID(name)
	in := []string{sid, "S-1-1-0", "WD", "S-1-5-11", "AU", "S-1-5-32-545", "BU", "S-1-5-6", "SU", "S-1-5-80-0"}
	for bit := uint32(1); bit != 0 && bit <= rights; bit <<= 1 {
		if rights&bit != 0 && !l.Open && !l.has(bit, func(t string) bool { return slices.Contains(in, t) }) {
			return false
		}
	}
	return true
}
