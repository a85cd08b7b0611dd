package loglines

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
)

// TestReaderStops: who logs goes on although nobody reads, and what was lost is counted where it was.
func TestReaderStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, to := io.Pipe()
		w := New(to)
		line := strings.Repeat("x", 1023) + "\n"
		fmt.Fprintln(w, "first")
		synctest.Wait() // it is being written
		for range most/len(line) + 7 {
			io.WriteString(w, line)
		}
		read := make(chan string)
		go func() {
			b, _ := io.ReadAll(r)
			read <- string(b)
		}()
		synctest.Wait()
		fmt.Fprintln(w, "last")
		w.Close()
		to.Close()
		got := <-read
		if !strings.HasPrefix(got, "first\n"+line) || strings.Count(got, line) != most/len(line) || !strings.Contains(got, "lines=7\nlast\n") {
			t.Errorf("%d bytes, %d lines: %.100q ... %q", len(got), strings.Count(got, line), got, got[max(0, len(got)-200):])
		}
	})
}

// TestCloseEnds: the end does not wait for a reader who stopped, and what comes after it is nothing.
func TestCloseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, to := io.Pipe()
		w := New(to)
		fmt.Fprintln(w, "unread")
		w.Close()
		fmt.Fprintln(w, "late")
		r.Close()
		w.Close()
		<-w.done
	})
}
