package collector

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector/control"
)

// A watcher that does enough for others says so at once.
func TestTooManyWorks(t *testing.T) {
	w := &server{ctx: t.Context(), log: slog.New(slog.DiscardHandler)}
	for range maxWorks {
		if _, err := w.works.enter(control.Peer{}); err != nil {
			t.Fatal(err)
		}
	}
	s := httptest.NewServer(w.mux())
	defer s.Close()
	resp, err := http.Post(s.URL+"/now", "", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Error(resp.Status)
	}
	f := w.failure(advice.Usage(errors.New("x")))
	if f.Exit != advice.BadUsage || advice.Exit(f) != advice.BadUsage || advice.For(&control.Failure{Hint: "y"}) != "y" {
		t.Errorf("%+v", f)
	}
}
