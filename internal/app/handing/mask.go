package handing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/masking"
	"rtmtgrab/internal/plaintext"
)

// A MaskRequest says what is masked, and how.
type MaskRequest struct {
	masking.Request          // of each of them
	Paths           []string // bundles
}

// A Masked is what became of one bundle.
type Masked struct {
	masking.Made
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`

	err error
}

// Mask masks bundles one after the other. What goes wrong with one costs no other; the
// error is that of the first.
func Mask(ctx context.Context, m *masking.Masker, q MaskRequest, say func(format string, args ...any)) (all []Masked, err error) {
	all = []Masked{}
	if err := noFolder(q.Out); err != nil {
		return all, err
	}
	for _, path := range q.Paths {
		q.Path = path
		say("masking %s", path)
		made, merr := m.Mask(ctx, q.Request)
		merr = toWrite(merr, q.Out, path)
		one := Masked{Made: made, err: merr}
		if merr != nil {
			one.Error, one.Hint = merr.Error(), advice.For(merr)
			if err == nil {
				err = merr
			}
		}
		all = append(all, one)
		if ctx.Err() != nil {
			break
		}
	}
	return all, err
}

// Write says it for people.
func (m Masked) Write(out, errOut io.Writer) error {
	for _, w := range m.Warnings {
		fmt.Fprintln(errOut, "grab: warning:", w)
	}
	if m.err != nil {
		fmt.Fprintln(errOut, "grab: error:", m.Error)
		if m.Hint != "" {
			fmt.Fprintln(errOut, "grab: hint:", m.Hint)
		}
		return nil
	}
	fmt.Fprintf(out, "masked:  %s\n", m.File)
	if m.Already {
		_, err := fmt.Fprintf(out, "how:     %s, within one %s; it was masked before, and is the same\nsha256:  %s\n", m.Strength, m.Scope, m.SHA256)
		return err
	}
	var n int64
	for _, r := range m.Rules {
		n += r.Hits
	}
	fmt.Fprintf(out, "how:     %s, within one %s: %d replaced, see mask-report.txt in it\n", m.Strength, m.Scope, n)
	for _, l := range m.LeftOut {
		fmt.Fprintf(out, "left out: %s: %s\n", evidence.Printable(l.What, 200), l.Why)
	}
	_, err := fmt.Fprintf(out, "verdict: %s\nsha256:  %s\n", m.Verdict(), m.SHA256)
	return err
}

// Restore turns the names in a text back. Where no map knows any of them the text stays.
func Restore(m *masking.Masker, text string, in io.Reader, warn io.Writer) ([]masking.Restored, error) {
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(in, maxText+1))
		if err != nil {
			return nil, err
		}
		if text = string(plaintext.Of(b)); len(b) > maxText {
			return nil, fmt.Errorf("the text has more than %d MiB", maxText>>20)
		}
	}
	all, lost, err := m.Restore(text)
	for _, l := range lost {
		fmt.Fprintf(warn, "grab: warning: %v; %s\n", l, advice.For(l))
	}
	if err == nil && len(all) == 0 {
		err = advice.WithHint(errors.New("no map of this store knows a name in this text"), "names are turned back on the collector that masked the bundle; give them as they stand in it")
	}
	return all, err
}

// maxText is the longest text that is turned back.
const maxText = 16 << 20

// WriteRestored prints it; where several maps know names in it, by what each means.
func WriteRestored(out io.Writer, all []masking.Restored) error {
	same := true
	for _, r := range all {
		same = same && r.Text == all[0].Text
	}
	for _, r := range all {
		if !same {
			fmt.Fprintf(out, "%s:\n", r.Scope)
		}
		if _, err := fmt.Fprintln(out, strings.TrimSuffix(r.Text, "\n")); err != nil || same {
			return err
		}
	}
	return nil
}
