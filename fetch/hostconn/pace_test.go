package hostconn

import (
	"context"
	"testing"
)

// A pacer ends with its context.
func TestPacerEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&Pacer{Rate: 1}).Wait(ctx, 1<<20); err == nil {
		t.Error("a pacer waits on after its context has ended")
	}
}
