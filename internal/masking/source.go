package masking

import (
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
	form      string // what it is: ".zip"
	ending    string // what the masked one is to be
	result    bundle.Result
	manifest  evidence.Manifest
	ours      bool // it was masked, and signed, by this collector
	packets   bool // it has the SIP messages as packets
}

// verify reads a bundle whole before anything is done with it.
func (m *Masker) verify(ctx context.Context, q Request) (*source, error) {
	if envelope.IsEncrypted(q.Path) {
		return nil, advice.WithHint(fmt.Errorf("%s is encrypted", q.Path), "`grab open "+q.Path+" -i KEY` decrypts it; mask what it unpacks from, or the bundle in the store")
	}
	s := &source{path: q.Path, out: q.Out}
	var err error
	if s.result, err = bundle.Verify(ctx, q.Path); err != nil {
		return nil, err
	}
	if !s.result.OK {
		bad := s.result.Bad[0]
		return nil, advice.WithHint(fmt.Errorf("%s: %s: %s", q.Path, bad.File, bad.What), "nothing was written; `grab verify` says all that is wrong with it")
	}
	s.manifest = s.result.Manifest
	if s.form, err = bundle.Ending(q.Path); err != nil {
		return nil, err
	}
	if s.ending = bundle.EndingOf(q.Out); s.ending == "" {
		s.ending = s.form
	}
	if s.manifest.Masked != nil {
		s.ours = m.signed(ctx, q.Path)
	}
	return s, m.checkOut(s)
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

// same reports whether the bundle needs no more masking, and is wanted in the form that it has.
func (s *source) same(want mask.Strength) bool {
	if !s.ours || s.ending != s.form {
		return false
	}
	was := s.manifest.Masked.Strength
	return was == evidence.MaskedIdentities || was == string(want)
}

// place is where the masked bundle goes, by what it is called.
func (s *source) place(man evidence.Manifest) string {
	if st, err := os.Stat(s.out); err == nil && st.IsDir() {
		return filepath.Join(s.out, bundle.FileName(man)+s.ending)
	}
	return s.out
}
