package masking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/mask"
	"rtmtgrab/bundle/mask/mapfile"
	"rtmtgrab/bundle/seal"
	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/evidence"
)

// A source is a bundle that is whole.
type source struct {
	path, out string
	bundle    *bundle.Verified
	form      string // of the masked one, as of Verified.Format
	manifest  evidence.Manifest
	ours      bool // it was masked, and signed, by this collector
	packets   bool // it has the SIP messages as packets
}

// verify reads a bundle whole before anything is done with it.
func (m *Masker) verify(ctx context.Context, q Request) (*source, error) {
	if envelope.IsEncrypted(q.Path) {
		return nil, advice.WithHint(fmt.Errorf("%s is encrypted", q.Path), "`grab open "+q.Path+" -i KEY` decrypts it; mask what it unpacks from, or the bundle in the store")
	}
	v, res, err := bundle.OpenVerified(ctx, q.Path)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, advice.WithHint(fmt.Errorf("%s: %s: %s", q.Path, res.Bad[0].File, res.Bad[0].What), "nothing was written; `grab verify` says all that is wrong with it")
	}
	s := &source{path: q.Path, out: q.Out, bundle: v, form: v.Format(), manifest: v.Manifest}
	if form, ok := bundle.FormatOf(q.Out); ok {
		s.form = form
	}
	if s.manifest.Masked != nil {
		s.ours = m.signed(ctx, q.Path)
	}
	if err := cmp.Or(v.Unfolds(), m.checkOut(s)); err != nil {
		v.Close()
		return nil, err
	}
	return s, nil
}

// signed reports whether a bundle is signed with a key of this collector, the retired ones
// too: what it says of how it was masked is believed then.
func (m *Masker) signed(ctx context.Context, path string) bool {
	keys, err := m.ring().Retired()
	if err != nil {
		return false
	}
	current, err := m.ring().Public()
	if err != nil && !errors.Is(err, seal.ErrNone) {
		return false
	}
	if err == nil {
		keys = append(keys, current)
	}
	if len(keys) == 0 {
		return false
	}
	res, err := bundle.Verify(ctx, path, keys...)
	return err == nil && res.OK && res.Signature == bundle.SignatureOK
}

// checkOut keeps masked bundles out of the places of others.
func (m *Masker) checkOut(s *source) error {
	out, err := filepath.Abs(s.out)
	if err != nil {
		return err
	}
	dir := filepath.Dir(out)
	st, err := os.Stat(out)
	if err == nil && st.IsDir() {
		dir = out
	}
	if in, serr := os.Stat(s.path); serr == nil && err == nil && os.SameFile(in, st) {
		return advice.Usage(fmt.Errorf("--out: %s is also the input", s.out))
	}
	a, aerr := os.Stat(dir)
	if aerr != nil {
		return advice.Usage(fmt.Errorf("--out: %w", aerr))
	}
	if b, err := os.Stat(filepath.Join(m.Store, "bundles")); err == nil && os.SameFile(a, b) {
		return advice.Usage(advice.WithHint(fmt.Errorf("--out: %s has the collector's own bundles", dir), "name another folder: a masked bundle there would be taken for one of them"))
	}
	return nil
}

// scope is within what the same thing gets the same name. A bundle that was masked is
// masked again under its own map.
func (m *Masker) scope(man evidence.Manifest, q Request) (mapfile.Scope, error) {
	kind := q.Scope
	if kind == "" {
		kind = m.Scope
	}
	if man.Masked != nil {
		return m.maskedBefore(man, q)
	}
	switch kind {
	case mapfile.Site:
		return mapfile.Scope{Kind: kind, Name: man.Site}, nil
	case mapfile.Case:
		name := q.Case
		if name == "" {
			name = man.Case
		}
		if name == "" {
			return mapfile.Scope{}, advice.Usage(advice.WithHint(fmt.Errorf("%s is of no case", q.Path), "name the case within which the names are to be the same with --case, or mask within its site with --scope site"))
		}
		return mapfile.Scope{Kind: kind, Name: name}, nil
	}
	return mapfile.Scope{}, advice.Usage(fmt.Errorf("no scope %q: site or case", kind))
}

// maskedBefore is the scope of a bundle that was masked.
func (m *Masker) maskedBefore(man evidence.Manifest, q Request) (mapfile.Scope, error) {
	s, err := mapfile.Of(m.Store).ByID(man.Masked.Map)
	switch {
	case errors.Is(err, mapfile.ErrUnknown):
		return s, advice.WithHint(fmt.Errorf("%s was masked already, by another collector: its map, %s, is not here", q.Path, evidence.Printable(man.Masked.Map, 40)),
			"hand it on as it is, or mask the bundle that it was made of; masked twice nobody could turn its names back")
	case err != nil:
		return s, lostHint(err)
	case q.Scope != "" && q.Scope != s.Kind || q.Case != "" && (s.Kind != mapfile.Case || s.Name != q.Case):
		return s, advice.Usage(advice.WithHint(fmt.Errorf("%s was masked already, within its %s", q.Path, s.Kind), "mask the bundle that it was made of, with other words for --scope and --case"))
	}
	return s, nil
}

// lostHint says what to do about a map that cannot be used.
func lostHint(err error) error {
	lost, is := errors.AsType[*mapfile.LostError](err)
	if !is {
		return err
	}
	return advice.WithHint(err, "put "+lost.File+" back from a backup. If there is none, move the files of that name in "+filepath.Dir(lost.File)+
		" away: names will be others from then on, and those in bundles that were masked before cannot be turned back")
}

// same reports whether the bundle needs no more masking.
func (s *source) same(want mask.Strength) bool {
	return s.ours && (s.manifest.Masked.Strength == evidence.MaskedIdentities || s.manifest.Masked.Strength == string(want))
}

// place is where the masked bundle goes, by what it is called.
func (s *source) place(man evidence.Manifest) string {
	if st, err := os.Stat(s.out); err == nil && st.IsDir() {
		return filepath.Join(s.out, bundle.FileName(man)+"."+s.form)
	}
	return s.out
}
