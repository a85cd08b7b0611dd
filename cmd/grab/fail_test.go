package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
)

// Who presses Ctrl-C reads that he did, whatever was under way.
func TestSaysInterrupted(t *testing.T) {
	first := make(chan struct{})
	var said bytes.Buffer
	a := &app{err: &said, interrupted: first}
	err := fmt.Errorf("ask grab watch: %w", context.Canceled)
	if a.fail(err); !strings.Contains(said.String(), "ask grab watch: context canceled") {
		t.Errorf("before: %q", said.String())
	}
	said.Reset()
	close(first)
	if a.fail(err); !strings.Contains(said.String(), "ask grab watch: interrupted") {
		t.Errorf("after: %q", said.String())
	}
}
