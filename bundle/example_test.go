package bundle_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/evidence"
)

const text = `2026-03-02T14:14:07.512+00:00 expc01 tvcs: UTCTime="2026-03-02 14:14:07,512" Module="network.sip" Level="INFO": Action="Received"` + "\n"

// input is an incident with one log.
func input() bundle.Input {
	sum := sha256.Sum256([]byte(text))
	at := time.Date(2026, 3, 2, 14, 14, 7, 512e6, time.UTC)
	m := evidence.Manifest{
		Incident: "20260302T141407Z-hq-3fa2c1", Revision: 1, Site: "hq",
		Asked:  evidence.NewWindow(at.Add(-time.Minute), at.Add(time.Minute)),
		Timing: evidence.Timing{Sealed: at},
		Hosts: []evidence.Host{{Host: "expc01", Role: "C", Files: []evidence.File{{
			Family: "network_log", Path: "hosts/expc01/network_log.txt", Coverage: evidence.Complete,
			First: &at, Last: &at, Records: 1, Bytes: int64(len(text)), SHA256: hex.EncodeToString(sum[:]),
		}}}},
	}
	m.Hosts[0].Conclude()
	m.Conclude()
	return bundle.Input{Manifest: m, Log: func(host, family string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}
}

// scratch is a path in a new folder, and what removes that.
func scratch() (path string, remove func()) {
	dir, err := os.MkdirTemp("", "bundle-*")
	if err != nil {
		panic(err)
	}
	return filepath.Join(dir, bundle.Name(input().Manifest)+".zip"), func() { os.RemoveAll(dir) }
}

func ExampleWrite() {
	path, remove := scratch()
	defer remove()
	info, err := bundle.Write(context.Background(), path, input())
	if err != nil {
		fmt.Println(err)
		return
	}
	again, err := bundle.Write(context.Background(), strings.TrimSuffix(path, ".zip")+"-again.zip", input())
	fmt.Println(filepath.Base(info.Path), err)
	fmt.Println("the same input gives the same bytes:", info.SHA256 == again.SHA256)
	// Output:
	// 20260302T141407Z-hq-3fa2c1.zip <nil>
	// the same input gives the same bytes: true
}

func ExampleVerify() {
	path, remove := scratch()
	defer remove()
	if _, err := bundle.Write(context.Background(), path, input()); err != nil {
		fmt.Println(err)
		return
	}
	res, err := bundle.Verify(context.Background(), path)
	fmt.Println(res.OK, res.Manifest.Coverage, err)

	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	f.WriteString("x") // one byte more
	f.Close()
	res, err = bundle.Verify(context.Background(), path)
	fmt.Println(res.OK, err)
	// Output:
	// true complete <nil>
	// false <nil>
}
