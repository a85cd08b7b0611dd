package access

import (
	"reflect"
	"strings"
	"testing"
)

func TestBroad(t *testing.T) {
	const me = "S-1-5-21-1004336348-1177238915-682003330-1001"
	for _, c := range []struct {
		name, sddl string
		rights     uint32
		want       []string
	}{
		{"a user's profile", "O:" + me + "G:S-1-5-21-1-2-3-513D:(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;FA;;;" + me + ")", ReadData | Change, nil},
		{"a folder of a drive", "O:BAG:SYD:AI(A;OICIID;FA;;;BA)(A;OICIID;FA;;;SY)(A;OICIID;0x1200a9;;;BU)(A;ID;0x1301bf;;;AU)(A;OICIIOID;SDGXGWGR;;;AU)", ReadData, []string{"Authenticated Users", "Users"}},
		{"the same, to change", "D:AI(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)(A;ID;0x1301bf;;;AU)", Change, []string{"Authenticated Users"}},
		{"Program Files", "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464D:PAI(A;;0x1301bf;;;SY)(A;OICIIO;GA;;;SY)(A;;0x1301bf;;;BA)(A;;0x1200a9;;;BU)(A;OICIIO;GXGR;;;BU)(A;;0x1200a9;;;AC)", Change, nil},
		{"only for what is made below", "D:(A;OICIIO;GR;;;WD)", ReadData, nil},
		{"generic rights in a number", "D:(A;;0x80000000;;;S-1-1-0)", ReadData, []string{"Everyone"}},
		{"attributes alone", "D:(A;;0x100080;;;WD)", ReadData | Change, nil},
		{"may change the list", "D:(A;;WD;;;BU)", Change, []string{"Users"}},
		{"denied before", "D:(D;;FR;;;BU)(A;;FR;;;BU)", ReadData, nil},
		{"denied after", "D:(A;;FR;;;BU)(D;;FR;;;BU)", ReadData, []string{"Users"}},
		{"denied to all", "D:(D;;FA;;;WD)(A;;FR;;;BU)", ReadData, nil},
		{"another is denied", "D:(D;;FR;;;BG)(A;;FR;;;BU)", ReadData, []string{"Users"}},
		{"a domain's users", "D:(A;;FR;;;S-1-5-21-1-2-3-513)(A;;FA;;;S-1-5-21-1-2-3-1513)", ReadData, []string{"Domain Users"}},
		{"with a condition", `D:(XA;;FR;;;BU;(@User.Title=="a;)(b" || (Member_of{SID(BA)})))(A;;FA;;;BA)S:(AU;SAFA;FA;;;WD)`, ReadData, []string{"Users"}},
		{"an audit is no right", "D:(A;;FA;;;SY)S:AI(AU;SAFA;FR;;;WD)(ML;;NW;;;LW)", ReadData, nil},
		{"an empty list", "O:BAD:P", ReadData, nil},
		{"no list", "O:BAG:BA", ReadData, []string{"Everyone"}},
		{"a null list", "O:BAD:NO_ACCESS_CONTROL", ReadData, []string{"Everyone"}},
		{"what we make", "O:BA" + Closed("FA;"+me, "0x1200a9;"+ServiceSID("grab")), ReadData | Change, nil},
	} {
		l, err := Parse(c.sddl)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got := l.Broad(c.rights); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestKeepsOut(t *testing.T) {
	for sddl, want := range map[string]bool{
		Closed():                            true,
		"D:P(A;;FA;;;BA)(A;OICIIO;FR;;;BU)": false, // handed down
		"D:AI(A;OICIID;FA;;;BA)(A;OICIID;FR;;;BU)":     false,
		"D:(A;OICI;FA;;;SY)(A;OICIIO;GA;;;CO)":         true,
		"O:BAD:(A;OICI;FA;;;S-1-5-21-1-2-3-1001)":      true,
		"O:BAD:NO_ACCESS_CONTROL":                      false,
		"O:BAD:(A;OICI;0x1301bf;;;AU)(A;OICI;FA;;;BA)": false,
	} {
		l, err := Parse(sddl)
		if err != nil || l.keepsOut() != want {
			t.Errorf("%s: %v, %v", sddl, l.keepsOut(), err)
		}
	}
}

func TestForeign(t *testing.T) {
	const me, other = "S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1002"
	for sddl, want := range map[string]string{
		"O:BA" + Closed():                    "",
		"O:" + me + Closed():                 "",
		"O:" + other + Closed():              "belongs to " + other,
		"O:SYD:(A;;FA;;;BA)(A;;FW;;;BU)":     "Users can change it",
		"O:BAD:(A;;FA;;;BA)(A;;FR;;;WD)":     "",
		"O:BAG:BA":                           "Everyone can change it",
		"D:(A;;FA;;;BA)":                     "belongs to",
		"O:" + ServiceSID("x") + Closed():    "belongs to S-1-5-80-",
		"O:S-1-5-18G:S-1-5-18D:(A;;FA;;;SY)": "",
	} {
		l, err := Parse(sddl)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Foreign(me); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", sddl, got, want)
		}
	}
}

// A list that is not understood never counts as a closed one.
func TestParseFaults(t *testing.T) {
	for _, sddl := range []string{"x", "D", "D:(A;;FA;;;BA", "D:(A;;FA)", "D:(A;;QQ;;;BA)", "D:(A;;0xzz;;;BA)", "D:(A;;F;;;BA)", "D:(A;;0x1ffffffff;;;BA)"} {
		if l, err := Parse(sddl); err == nil {
			t.Errorf("%s: %+v", sddl, l)
		}
	}
}

// The SIDs that Windows itself documents.
func TestServiceSID(t *testing.T) {
	for name, want := range map[string]string{
		"TrustedInstaller": "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
		"trustedinstaller": "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
	} {
		if got := ServiceSID(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := ServiceSID("grab"); strings.Count(got, "-") != 8 || got == ServiceSID("grab2") {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("O:BAG:SYD:PAI(A;OICI;FA;;;SY)S:(AU;SAFA;FA;;;WD)")
	f.Add("D:(XA;;FR;;;BU;(a))")
	f.Fuzz(func(t *testing.T, sddl string) {
		l, err := Parse(sddl)
		if err != nil && l.Broad(ReadData) != nil {
			t.Errorf("%q: %v and %v", sddl, err, l.Broad(ReadData))
		}
	})
}
