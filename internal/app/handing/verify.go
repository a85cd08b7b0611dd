// Package handing is what a person does with a finished bundle: prove whether it is whole
// and whose, encrypt it for others, open what was encrypted, and look after the keys.
//
// It guarantees that what is done with a bundle in the store is written down in its chain
// of custody, or that a note says why not, and that nothing plain is left of what could not be
// opened or encrypted. It does not know where bundles go.
package handing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/custody"
	"rtmtgrab/bundle/seal"
	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/human"
)

// Trust are the keys that a person gives: each a key or its file, or files of several.
func Trust(keys, files []string) (all []seal.PublicKey, err error) {
	for _, arg := range keys {
		k, err := seal.Named(arg)
		if err != nil {
			return nil, advice.Usage(advice.WithHint(fmt.Errorf("--key: %w", err), "give a minisign public key (RW...), or the file that `grab key show` on the collector prints"))
		}
		all = append(all, k...)
	}
	for _, name := range files {
		k, err := seal.ReadPublicKeyFile(name)
		if err != nil {
			return nil, advice.Usage(advice.WithHint(fmt.Errorf("--trust: %w", err), "the file has a minisign public key (RW...) in each line"))
		}
		all = append(all, k...)
	}
	return all, nil
}

// A Checked is a bundle that was verified, and its custody.
type Checked struct {
	bundle.Result
	Later *custody.Head `json:"custody_later,omitempty"` // what was done since it was sealed, as the store has it

	path  string
	notes []string
}

// Verify verifies a bundle, and the chain of its custody where it lies in a store. That it
// was verified, and by whom, is added to that.
func Verify(ctx context.Context, path string, keys []seal.PublicKey, by string) (Checked, error) {
	if envelope.IsEncrypted(path) {
		return Checked{}, encryptedAlready(path)
	}
	res, err := bundle.Verify(ctx, path, keys...)
	if err != nil {
		return Checked{}, err
	}
	c := Checked{Result: res, path: path}
	ledger, in := custody.LedgerFor(path)
	if !in || res.Chain() == (custody.Head{}) {
		return c, nil
	}
	c.walk(ledger)
	result := "bad"
	if c.OK {
		result = "ok"
	}
	c.record(ledger, custody.Verified, custody.Later{By: by, Result: result, Why: "signature " + c.Signature})
	return c, nil
}

func encryptedAlready(path string) error { return &envelope.EncryptedError{Path: path} }

// custodyDir is the folder of the store in which the chains of bundles go on; no file in a
// bundle is in one of that name.
const custodyDir = "custody/"

// walk goes through what the store knows of what was done with it.
func (c *Checked) walk(ledger custody.Ledger) {
	name := bundle.Name(c.Manifest)
	head, err := ledger.Walk(name, c.Chain(), nil)
	switch {
	case errors.Is(err, custody.ErrTorn):
		c.notes = append(c.notes, fmt.Sprintf("%s: %v, by a crash or a full disk", ledger.File(name), err))
	case err != nil:
		c.OK = false
		c.Bad = append(c.Bad, bundle.Bad{File: custodyDir + filepath.Base(ledger.File(name)), What: err.Error()})
	}
	if head.N > c.Chain().N {
		c.Later = &head
	}
}

// record adds to the chain what was done. A failure is no failure of that.
func (c *Checked) record(ledger custody.Ledger, act string, l custody.Later) {
	if err := ledger.Append(bundle.Name(c.Manifest), c.Chain(), custody.Entry{Time: time.Now(), Act: act, Later: &l}); err != nil {
		c.notes = append(c.notes, "not recorded: "+err.Error())
	}
}

// noteLater adds to the chain what was done, if the bundle lies in a store.
func (c *Checked) noteLater(act string, l custody.Later) {
	if ledger, in := custody.LedgerFor(c.path); in {
		c.record(ledger, act, l)
	}
}

// Warn says what went wrong that is no failure.
func (c Checked) Warn(w io.Writer) { Warn(w, c.notes) }

// Warn says what went wrong that is no failure.
func Warn(w io.Writer, notes []string) {
	for _, n := range notes {
		fmt.Fprintln(w, "grab: warning:", n)
	}
}

// Write says it for people: the result on out, what is wrong and the next move on errOut.
func (c Checked) Write(out, errOut io.Writer) error {
	if !c.OK {
		for _, b := range c.Bad {
			fmt.Fprintf(out, "%s: %s\n", b.File, b.What)
		}
		what, hint := c.fault()
		fmt.Fprintln(errOut, "grab: error:", what)
		_, err := fmt.Fprintln(errOut, "grab: hint:", hint)
		return err
	}
	fmt.Fprintln(out, "intact:", c.path)
	_, err := fmt.Fprintln(out, c.words())
	if err == nil && c.Custody != nil {
		_, err = fmt.Fprintln(out, c.chainWords())
	}
	return err
}

// fault is what is wrong in all, and the next move.
func (c Checked) fault() (what, hint string) {
	signature := !slices.ContainsFunc(c.Bad, func(b bundle.Bad) bool { return b.File != bundle.SignatureFile })
	custody := !slices.ContainsFunc(c.Bad, func(b bundle.Bad) bool { return !strings.HasPrefix(b.File, custodyDir) })
	switch {
	case custody:
		return "the bundle is intact, but what the store says was done with it was changed or damaged", "put that file back from a backup of the store; the chain up to the sealing, in the bundle, is whole"
	case signature && c.Signature == bundle.SignatureUnknown:
		return "the bundle is signed with key " + c.Key + ", which is none of those given", "compare with `grab key show --all` on the collector; whoever made the bundle, it was not one of these keys"
	case signature && c.Signature == bundle.SignatureMissing:
		return "the bundle has no signature", "its sums are right, but anybody may have made it: ask the collector's people for the bundle again; those of earlier versions were never signed"
	case signature:
		return "the bundle's signature is wrong", "its sums are right, but they are not those that were signed: do not trust it, and copy it again from the collector's store"
	}
	return "the bundle was changed or damaged", "copy it again from the collector's store; the intact files in it can still be read"
}

// words are about the signature of a bundle that is intact.
func (c Checked) words() string {
	switch c.Signature {
	case bundle.SignatureOK:
		return "signature: ok, of key " + c.Key
	case bundle.SignatureNotChecked:
		return "signature not checked: it is said to be of key " + c.Key + "; --key or --trust checks it"
	}
	return "no signature"
}

func (c Checked) chainWords() string {
	s := "custody: " + human.Plural(c.Custody.N, "line") + " up to the sealing"
	if c.Later != nil {
		s += fmt.Sprintf(", %d since", c.Later.N-c.Custody.N)
	}
	return s
}
