package fetch

import (
	"context"
	"log/slog"
	"testing"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
)

// A host falls silent while the keeper looks at how far back its logs go. The keeper
// stops when it is told to, and does not wait until the connection is given up.
func TestBreakKeeperStopsWhileItReads(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	e, w := tortured(t, &tap{answer: func([]byte) [][]byte {
		select {
		case asked <- struct{}{}:
		default:
		}
		return nil
	}})
	pool := &hostconn.Pool{}
	dial := labConn(t, e, pool, false)
	conn, err := dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(true)
	prover := logset.Prover{Hosts: []hostconn.Host{{Name: "expc01", Dir: w.Dir, Families: []string{"messages"}}}, Proven: func(string, logset.Proof) {}}
	k := &hostconn.Keeper{Pool: pool, Key: e.Addr(), Name: "expc01", Log: slog.New(slog.DiscardHandler), Prove: prover.Prove}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.Run(ctx)
	}()
	<-asked
	cancel()
	<-done
	if err := conn.(interface{ Lost() error }).Lost(); err != nil {
		t.Errorf("it has waited until the connection was lost: %v", err)
	}
}
