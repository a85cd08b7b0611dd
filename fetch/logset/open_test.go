package logset

import (
	"strings"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
)

// That a file has a name twice tells that no other had it in between only if the first time was before the
// listing: what is opened beside one may be opened after it.
func TestStayed(t *testing.T) {
	at := time.Now()
	file := func(name string) *File {
		return &File{Info: Info{Name: name, Size: 5000, MTime: at, Head: []byte(strings.Repeat("x", hostconn.HeadSize))}}
	}
	h := &Holder{Host: hostconn.Host{Families: []string{"network_log"}}, round: 2}
	h.Set("network_log").Files = []*File{file("network_log.1")}
	for round, want := range map[int]bool{1: true, 2: false} {
		h.Set("network_log").Files[0].born = round
		if got := h.stayed(file("network_log.1")); got != want {
			t.Errorf("held first in round %d of 2: %v", round, got)
		}
	}
	h.Set("network_log").Files[0].born = 1
	if h.stayed(file("network_log.2")) {
		t.Error("another name")
	}
}
