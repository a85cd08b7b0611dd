// Package envelope encrypts files to recipients, and opens what was, in the format of age:
// `age -d` opens what it makes.
//
// It guarantees that a file appears under its name only when it is whole and fsynced, that
// after an error nothing of it is left, neither encrypted nor plain, and that nothing large
// is held in memory. It does not know what is in the files.
package envelope

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"

	"rtmtgrab/internal/atomicfile"
)

// Ending ends the names of encrypted files.
const Ending = ".age"

// magic begins them, as age writes them without armor.
const magic = "age-encryption.org/v1\n"

// ErrNoKey is that none of the keys opens a file.
var ErrNoKey = errors.New("none of these keys opens it: it is encrypted to others")

// An EncryptedError is that a file would have to be decrypted first.
type EncryptedError struct{ Path string }

func (e *EncryptedError) Error() string { return e.Path + " is encrypted" }

// IsEncrypted reports whether a file begins as encrypted ones do.
func IsEncrypted(path string) bool {
	if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() {
		return false // a pipe could block for ever
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(magic))
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == magic
}

// A Made is a file that was encrypted. Each time the bytes are others.
type Made struct {
	Bytes  int64
	SHA256 string // hex
}

// Encrypt writes the file from, encrypted, as to; one that is there is replaced.
func Encrypt(ctx context.Context, from, to string, r Recipients) (made Made, err error) {
	err = readFile(ctx, from, func(in io.Reader) (err error) {
		made, err = Write(to, r, func(w io.Writer) error {
			_, err := io.Copy(w, in)
			return err
		})
		return err
	})
	return made, err
}

// Write writes what fill writes, encrypted, as to; one that is there is replaced.
func Write(to string, r Recipients, fill func(io.Writer) error) (made Made, err error) {
	if len(r.list) == 0 {
		return made, errors.New("no recipient")
	}
	sum := sha256.New()
	err = writeFile(to, func(w io.Writer) error {
		out, err := age.Encrypt(io.MultiWriter(w, sum, (*counter)(&made.Bytes)), r.list...)
		if err != nil {
			return err
		}
		if err := fill(out); err != nil {
			return err
		}
		return out.Close()
	})
	made.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return made, err
}

// A counter counts what is written to it.
type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// Decrypt writes the file from, decrypted, as to.
func Decrypt(ctx context.Context, from, to string, keys Keys) error {
	return readFile(ctx, from, func(in io.Reader) error {
		return writeFile(to, func(w io.Writer) error {
			out, err := age.Decrypt(in, keys.list...)
			if errors.As(err, new(*age.NoIdentityMatchError)) {
				return ErrNoKey
			}
			if err != nil {
				return err
			}
			_, err = io.Copy(w, out)
			return err
		})
	})
}

// readFile has a regular file read, and only that: a pipe could block for ever.
func readFile(ctx context.Context, name string, read func(io.Reader) error) error {
	if st, err := os.Stat(name); err != nil {
		return err
	} else if !st.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", name)
	}
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	return read(cancellable{ctx, bufio.NewReaderSize(in, 256<<10)})
}

// writeFile makes a file, wholly or not at all.
func writeFile(name string, write func(io.Writer) error) error {
	return atomicfile.Write(name, func(w io.Writer) error {
		out := bufio.NewWriterSize(w, 256<<10)
		if err := write(out); err != nil {
			return err
		}
		return out.Flush()
	})
}

// cancellable reads until ctx is done.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

func (c cancellable) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}
