package health

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/incident"
)

func TestStoreTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // of what follows
		var fault error
		var hang time.Duration
		var out bytes.Buffer
		writes := 0
		s := &storeTest{write: func(string) error {
			mu.Lock()
			writes++
			d, err := hang, fault
			mu.Unlock()
			time.Sleep(d)
			return err
		}}
		set := func(err error, d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			fault, hang = err, d
		}
		ctx, cancel := context.WithCancel(t.Context())
		go s.Run(ctx, "dir", slog.New(slog.NewTextHandler(&out, nil)))
		look := func() string {
			synctest.Wait()
			r := status.Report{Now: time.Now(), Store: "/s"}
			s.Report(&r)
			r.Finish()
			if r.Works != (len(r.Problems) == 0) {
				t.Errorf("%+v", r)
			}
			if r.Works {
				return ""
			}
			return r.Problems[0].Key + " " + r.Problems[0].What
		}
		if got := look(); got != "" || writes != 1 {
			t.Error(got, writes)
		}
		set(errors.New("read-only file system"), 0)
		time.Sleep(testEvery)
		if got := look(); got != "store the store cannot be written: read-only file system" {
			t.Error(got)
		}
		time.Sleep(2*testAgain + time.Second)
		set(nil, 0)
		time.Sleep(testAgain)
		if got := look(); got != "" {
			t.Error("still ", got)
		}
		set(nil, time.Hour)
		time.Sleep(testEvery + testLimit - time.Second)
		if got := look(); got != "" {
			t.Error("too early: ", got)
		}
		time.Sleep(time.Second)
		if got := look(); !strings.Contains(got, "a test write has not ended after 30 s") {
			t.Error(got)
		}
		cancel()
		time.Sleep(time.Hour)
		if n := strings.Count(out.String(), "cannot be written"); n != 1 || !strings.Contains(out.String(), "again") {
			t.Errorf("said %d times: %s", n, out.String())
		}
	})
}

func TestTestWrite(t *testing.T) {
	store, err := incident.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := testWrite(store.Dir); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(store.Dir, "*", "*")); len(left) > 0 {
		t.Error(left)
	}
	for _, folder := range []string{"mails", "alerts", "incidents", "bundles"} {
		dir := filepath.Join(store.Dir, folder)
		if err := os.Rename(dir, dir+".away"); err != nil {
			t.Fatal(err)
		}
		if err := testWrite(store.Dir); err == nil {
			t.Errorf("no error without %s", folder)
		}
		os.Rename(dir+".away", dir)
	}
}
