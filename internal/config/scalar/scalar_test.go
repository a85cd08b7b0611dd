package scalar

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"2s": 2 * time.Second, "1h30m": 90 * time.Minute, "30d": 30 * day, "1d12h": 36 * time.Hour, "1.5d": 36 * time.Hour, "0": 0, "0s": 0, "500ms": time.Second / 2, "3650d": maxDuration,
		"": -1, "5": -1, "-1s": -1, "1d-1h": -1, "d": -1, "1y": -1, "3651d": -1, "3650d1s": -1, "999999999h": -1, "1 d": -1, "1d 2h": -1, "1h1d": -1,
	} {
		got, err := Duration(s)
		if want < 0 && err == nil || want >= 0 && (got != want || err != nil) {
			t.Errorf("%q: %v, %v; want %v", s, got, err, want)
		}
	}
}

func TestSize(t *testing.T) {
	for s, want := range map[string]int64{
		"1GiB": 1 << 30, "512 KiB": 512 << 10, "64MiB": 64 << 20, "100": 100, "7B": 7, "0": 0,
		"": -1, "1GB": -1, "1.5GiB": -1, "-1": -1, "GiB": -1, "99999999999GiB": -1, "9999999999999999999": -1,
	} {
		got, err := Size(s)
		if want < 0 && err == nil || want >= 0 && (got != want || err != nil) {
			t.Errorf("%q: %v, %v; want %v", s, got, err, want)
		}
	}
}

func TestAddress(t *testing.T) {
	for s, want := range map[string]string{
		"10.0.30.2": "10.0.30.2:22", "10.0.30.2:5022": "10.0.30.2:5022", "ExpC.Example.com": "expc.example.com:22", "expc:2222": "expc:2222",
		"::1": "[::1]:22", "[::1]": "[::1]:22", "[2001:DB8::2]:5022": "[2001:db8::2]:5022", "2001:db8::2": "[2001:db8::2]:22", "fe80::1%eth0": "[fe80::1%eth0]:22", "a_b": "a_b:22",
		"": "", ":22": "", "h:": "", "h:0": "", "h:65536": "", "h:-1": "", "[h]:22": "", "[10.0.0.1]": "", "[::1]22": "", "[::1]:": "", "a b": "", "root@h": "", "10.0.30": "", "256.1.1.1": "", "-h": "", "h/": "", "a:b:c": "",
	} {
		got, err := Address(s, 22)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", s, got, err, want)
		}
		if again, err := Address(got, 22); want != "" && (again != got || err != nil) {
			t.Errorf("%q is not stable: %q, %v", got, again, err)
		}
	}
}
