package material

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"os"

	"rtmtgrab/internal/atomicfile"
)

// An Incoming is a file that was received whole, and is not the incident's yet.
type Incoming struct {
	File
	temp string // where it lies; "": it is somebody's already
}

// Drop removes a file that was not added.
func (in *Incoming) Drop() {
	if in.temp != "" {
		os.Remove(in.temp) // what stays is removed with the incident, or by Sweep
		in.temp = ""
	}
}

// Spool is the pattern of files in an incident's folder into which somebody fetches what
// is to be cut, before it is added.
const Spool = "coming-*" + atomicfile.PartSuffix

// A Writer receives a file on the incident's disk. It is not for concurrent use; many of
// one incident may be.
type Writer struct {
	f    *os.File
	hash hash.Hash
	in   Incoming
}

// Create begins to receive a file that is to have that name in the bundle.
func (f Folder) Create(name string) (*Writer, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if err := atomicfile.MkdirAll(f.temp()); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(f.temp(), "*"+atomicfile.PartSuffix)
	if err != nil {
		return nil, err
	}
	atomicfile.Adopt(file.Name())
	return &Writer{f: file, hash: sha256.New(), in: Incoming{File: File{Name: name}, temp: file.Name()}}, nil
}

func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	w.hash.Write(p[:n])
	w.in.Bytes += int64(n)
	return n, err
}

// Finish makes it durable; Folder.Add is to be given the result. After an error nothing is left.
func (w *Writer) Finish() (Incoming, error) {
	if err := errors.Join(w.f.Sync(), w.f.Close()); err != nil {
		w.in.Drop()
		return Incoming{}, err
	}
	w.in.SHA256 = hex.EncodeToString(w.hash.Sum(nil))
	return w.in, nil
}

// Abort drops it.
func (w *Writer) Abort() {
	w.f.Close()
	w.in.Drop()
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
