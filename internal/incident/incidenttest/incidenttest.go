package incidenttest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// Sites is one site with two hosts.
var Sites = []incident.Site{{
	Name: "hq", Clusters: []string{"c1"}, TimeZone: "America/New_York", Families: []string{"network_log", "messages"},
	Hosts: []incident.HostRef{{Name: "expc01", Role: "C", Address: "10.0.0.1:22"}, {Name: "expe01", Role: "E", Address: "10.0.0.2:22"}},
}}

// AlertAt is an alert of a node at a time after T0, with a counter if that is not negative.
func AlertAt(at time.Duration, node string, n int) evidence.Alert {
	a := evidence.Alert{ID: AlertID(fmt.Sprint(at, node, n)), Name: "PartiallyRegisteredPhone", Cluster: "c1", Node: node, Time: T0.Add(at), TimeFrom: evidence.TimeFromDate}
	if n >= 0 {
		a.Count = &n
	}
	return a
}

// Store is a store in dir.
func Store(t testing.TB, dir string) *incident.Store {
	t.Helper()
	st, err := incident.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// FastStore is a store without fsync, for tests of many small steps.
func FastStore(t testing.TB, dir string) *incident.Store {
	t.Helper()
	st := Store(t, dir)
	st.WriteFile = func(name string, b []byte) error {
		if err := os.WriteFile(name+".part", b, 0o600); err != nil {
			return err
		}
		return os.Rename(name+".part", name)
	}
	return st
}

// T0 is when the tests' time begins.
var T0 = time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)

// Policy is the policy of the examples.
func Policy() incident.Policy {
	return incident.Policy{
		Before: 15 * time.Minute, After: 5 * time.Minute, Max: time.Hour, Settle: 2 * time.Second, Patience: 2 * time.Minute,
		Cooldown: 10 * time.Minute, Again: time.Hour, MaxAge: 24 * time.Hour,
	}
}

// AlertID is the ID of an alert that is called s.
func AlertID(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// StormAlert is one alert of a storm.
func StormAlert(at time.Time, node int) evidence.Alert {
	n := 3
	return evidence.Alert{ID: AlertID(fmt.Sprint(at.UnixNano(), node)), Name: "PartiallyRegisteredPhone", Cluster: "c1", Node: fmt.Sprintf("cucm%02d", node), Count: &n, Time: at}
}

// QuickDir is a folder in memory where there is one: a storm is many small files.
func QuickDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "storm")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Must fails the test at an error.
func Must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
