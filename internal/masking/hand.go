package masking

import (
	"bufio"
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
	"rtmtgrab/bundle/custody"
	"rtmtgrab/internal/atomicfile"
)

// hand puts a masked bundle into its place, wholly or not at all.
func (m *Masker) hand(ctx context.Context, from, to string, made *Made) error {
	if err := m.step("hand over"); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	made.File = to
	if err := clear(to); err != nil {
		return err
	}
	return atomicfile.Write(to, func(w io.Writer) error {
		sum := &meter{w: w, hash: sha256.New()}
		out := bufio.NewWriterSize(sum, 256<<10)
		if _, err := io.Copy(out, stopped{ctx, in}); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
		made.Bytes, made.SHA256 = sum.n, hex.EncodeToString(sum.hash.Sum(nil))
		return m.step("handed over")
	})
}

// clear removes what one that was killed left of the file: it was searched, and is no use.
func clear(to string) error {
	entries, err := os.ReadDir(filepath.Dir(to))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasPrefix(name, filepath.Base(to)+".") && strings.HasSuffix(name, atomicfile.PartSuffix) {
			os.Remove(filepath.Join(filepath.Dir(to), name)) // what stays is no harm
		}
	}
	return nil
}

// stopped reads until ctx is done.
type stopped struct {
	ctx context.Context
	r   io.Reader
}

func (s stopped) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(b)
}

// record writes into the raw bundle's chain of custody that it was masked, and what the file
// is. A failure is no failure of that.
func record(src *source, q Request, made *Made) {
	ledger, in := custody.LedgerFor(src.path)
	if !in {
		return
	}
	err := ledger.Append(bundle.Name(src.manifest), src.bundle.Chain(), custody.Entry{Time: time.Now(), Act: custody.Masked,
		Later: &custody.Later{By: q.By, Result: made.Strength, File: filepath.Base(made.File), SHA256: made.SHA256}})
	if err != nil {
		made.Warnings = append(made.Warnings, fmt.Sprintf("not recorded: %v", err))
	}
}
