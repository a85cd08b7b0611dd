package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"rtmtgrab/internal/version"
)

// misbehaves names, in the environment of the test binary, how it is a bad child: instead
// of what it was asked for. misbegun names a file that it makes first.
const (
	misbehaves = "GRAB_TEST_MISBEHAVES"
	misbegun   = "GRAB_TEST_MISBEGUN"
)

func misbehave(how string) {
	if f := os.Getenv(misbegun); f != "" {
		os.WriteFile(f, nil, 0o600)
	}
	dir, right := os.Args[len(os.Args)-1], fmt.Sprintf(`{"version":%q,"registration":{}}`, version.Version)
	for _, name := range []string{"registration.html", "registrations.json"} {
		os.WriteFile(filepath.Join(dir, name), nil, 0o600)
	}
	switch how {
	case "defect":
		fmt.Printf(`{"version":%q,"error":"internal error in the analysis: deliberate"}`, version.Version)
	case "panic":
		panic("deliberate")
	case "exit":
		os.Exit(3)
	case "silent":
	case "garbage":
		fmt.Print("garbage\x00\x1b[2J")
	case "twice":
		fmt.Print(right, right)
	case "memory":
		var all [][]byte
		for {
			all = append(all, bytes.Repeat([]byte{byte(len(all))}, 1<<20))
			time.Sleep(time.Millisecond)
		}
	case "time":
		time.Sleep(time.Hour)
	case "files":
		for i := 0; ; i++ {
			os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), make([]byte, 1<<20), 0o600)
			time.Sleep(time.Millisecond)
		}
	case "answer":
		for {
			os.Stdout.Write(bytes.Repeat([]byte(" "), 1<<16))
		}
	case "version":
		fmt.Print(`{"version":"another"}`)
	case "nofile":
		fmt.Print(right)
	case "link":
		os.Symlink("/etc/passwd", filepath.Join(dir, "registrations.csv"))
		fmt.Print(right)
	}
}
