package atomicfile

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// TestTempDirHolder is the process that is killed below.
func TestTempDirHolder(t *testing.T) {
	dir := os.Getenv("GRAB_TEMPDIR")
	if dir == "" {
		return
	}
	path, _, err := TempDir(dir, "work")
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(path, "secret"), []byte("plain"), 0o600)
	fmt.Println("ready " + path)
	io.Copy(io.Discard, os.Stdin) // until it is killed
}

// What a killed process left is removed by the next; what is in use stays, and so does
// what has another name, or is a link.
func TestTempDir(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestTempDirHolder$")
	cmd.Env = append(os.Environ(), "GRAB_TEMPDIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var held string
	for lines := bufio.NewScanner(out); held == "" && lines.Scan(); {
		fmt.Sscanf(lines.Text(), "ready %s", &held)
	}
	for _, name := range []string{"other-1.part", "work-2", "elsewhere"} {
		os.Mkdir(filepath.Join(dir, name), 0o700)
	}
	stay := 3 // mine, again, the young one
	os.Symlink("elsewhere", filepath.Join(dir, "work-3.part"))
	if _, err := os.Lstat(filepath.Join(dir, "work-3.part")); err == nil { // on Windows it takes a right
		stay++
	}
	old := filepath.Join(dir, "work-4.part") // of an earlier version
	os.Mkdir(old, 0o700)
	os.Chtimes(old, time.Time{}, time.Now().Add(-2*ageless))
	young := filepath.Join(dir, "work-5.part")
	os.Mkdir(young, 0o700)

	mine, remove, err := TempDir(dir, "work")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(held, "secret")); held == "" || err != nil {
		t.Errorf("a folder in use is gone: %q, %v", held, err)
	}
	cmd.Process.Kill()
	cmd.Wait()

	again, removeAgain, err := TempDir(dir, "work")
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "work-*.part")); len(left) != stay {
		t.Errorf("left: %v", left)
	}
	for _, name := range []string{mine, again, young, filepath.Join(dir, "other-1.part"), filepath.Join(dir, "work-2"), filepath.Join(dir, "elsewhere")} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
	if st, err := os.Stat(mine); err != nil || runtime.GOOS != "windows" && st.Mode().Perm()&0o077 != 0 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	for _, done := range []func() error{remove, removeAgain} {
		if err := done(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(mine); err == nil {
		t.Error("it was not removed")
	}
}
