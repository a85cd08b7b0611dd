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

// Of a file of which there was only the heading that others begin with nobody knows whether it is the one that bears its
// name now, with records: another may have had the name in between.
func TestStayedHeading(t *testing.T) {
	at, heading := time.Now(), strings.Repeat("=", 2*hostconn.TinyHead)+"\n"
	file := func(text string, at time.Time) *File {
		return &File{Info: Info{Name: "network_log", Size: int64(len(text)), MTime: at, Head: []byte(text)}, Handle: held{strings.NewReader(text), at}}
	}
	h := &Holder{Host: hostconn.Host{Families: []string{"network_log"}}, round: 2}
	h.Set("network_log").Files = []*File{file(heading, at)}
	if h.stayed(file(heading+"2026-06-03T10:00:00.000+00:00 expc01 a record\n", at.Add(time.Second))) {
		t.Error("a file with records stayed, of which there was a heading")
	}
	if !h.stayed(file(heading, at)) {
		t.Error("the same heading of the same time did not stay")
	}
}

// held is an open file that does not change.
type held struct {
	*strings.Reader
	at time.Time
}

func (h held) Stat() (int64, time.Time, error) { return h.Size(), h.at, nil }
func (h held) Close() error                    { return nil }
