package evidence

import "testing"

func TestUnnamed(t *testing.T) {
	for said, want := range map[string]string{
		"expc01: no folder":                      "no folder",
		"expc01 (10.0.30.2:22): refused":         "10.0.30.2:22: refused",
		"expc01 (10.0.30.2:22":                   "expc01 (10.0.30.2:22",
		"expc010: no folder":                     "expc010: no folder",
		"not reached in time: expc01: no folder": "not reached in time: expc01: no folder",
		"":                                       "",
	} {
		if got := Unnamed("expc01", said); got != want {
			t.Errorf("%q: %q", said, got)
		}
	}
}
