package cucmlog

import "testing"

func TestSame(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"cucm01", "CUCM01", true}, {"cucm01", "cucm01.example.com", true}, {"cucm01.example.com.", "cucm01", true},
		{"cucm01.hq.example.com", "cucm01.branch.example.com", false}, {"cucm01", "cucm01-Branch", false}, {"cucm01.hq", "cucm01.hq.example.com", false},
		{"10.0.20.1", "10.0.20.1", true}, {"10", "10.0.20.1", false}, {"", "cucm01", false},
	} {
		if Same(c.a, c.b) != c.same || Same(c.b, c.a) != c.same {
			t.Errorf("%q, %q: %v", c.a, c.b, !c.same)
		}
	}
}
