package gate

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
)

// What logs in to a host runs while one of its sites is not paused, and only then.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Gate{}
		ctx, cancel := context.WithCancel(context.Background())
		var said []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			g.While(ctx, []string{"a", "b"}, func(ctx context.Context) {
				said = append(said, "up")
				<-ctx.Done()
				said = append(said, "down")
			})
		}()
		step := func(want string, hosts ...string) {
			t.Helper()
			shut := map[string]bool{}
			for _, h := range hosts {
				shut[h] = true
			}
			g.Set(shut)
			synctest.Wait()
			if got := strings.Join(said, " "); got != want {
				t.Errorf("shut %v: %q, want %q", hosts, got, want)
			}
		}
		step("up")
		step("up", "a")
		step("up down", "a", "b")
		step("up down", "b", "a", "c")
		step("up down up", "b")
		cancel()
		<-done
		if got := strings.Join(said, " "); got != "up down up down" {
			t.Error(got)
		}
		n := 0
		g.While(context.Background(), []string{"a"}, func(context.Context) { n++ }) // ends by itself
		var none *Gate
		none.While(context.Background(), []string{"a"}, func(context.Context) { n++ })
		if n != 2 {
			t.Errorf("ran %d times", n)
		}
	})
}
