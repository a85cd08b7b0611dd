package confine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

const role = "CONFINE_TEST_ROLE"

// TestMain lets the test binary be a child, and a parent that is killed.
func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "parent":
		os.Unsetenv(role)
		_, err := Run(context.Background(), child("sleeper"), os.Args[1], limits())
		fmt.Println(err)
	case "greedy":
		Enter(8<<20, 32<<20, os.Exit)
		var all [][]byte
		for {
			all = append(all, make([]byte, 1<<20))
			time.Sleep(10 * time.Microsecond * time.Duration(min(len(all), 1000)))
		}
	case "nested":
		_, err := Run(context.Background(), child("sleeper"), os.TempDir(), limits())
		fmt.Println(err)
	default:
		act(os.Getenv(role))
	}
}

func child(as string) Program {
	path, _ := os.Executable()
	return Program{Path: path, Env: []string{role + "=" + as}}
}

func limits() Limits {
	return Limits{Memory: 1 << 30, Time: time.Minute, Files: 1 << 20, Answer: 1 << 20}
}

// TestOwnMemory: a child ends by itself when it needs too much, where its parent cannot see
// it.
func TestOwnMemory(t *testing.T) {
	if _, err := Run(t.Context(), child("greedy"), t.TempDir(), limits()); !errors.Is(err, ErrMemory) {
		t.Error(err)
	}
}

// TestNested: a child starts none, whatever it believes to be.
func TestNested(t *testing.T) {
	said, err := Run(t.Context(), child("nested"), t.TempDir(), limits())
	if err != nil || !strings.Contains(string(said), "a confined process starts no other") {
		t.Errorf("%q, %v", said, err)
	}
}
