package mask

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"rtmtgrab/bundle/mask/find"
)

// maxNames is how many pseudonyms a table may hold: a file can be made that is nothing but
// names.
const maxNames = 1 << 20

// A Table is the pseudonyms of one scope: a case or a site. Who has it can turn them back.
// It may be used by several at once.
type Table struct {
	mu      sync.RWMutex
	key     []byte
	salts   map[string]int // by block of addresses
	given   [find.Classes]map[string]string
	issued  [find.Classes]map[string]string // the same, the other way
	retired [find.Classes]map[string]string // pseudonyms that are issued no more, for what they stood
}

// tableFile is a Table as JSON.
type tableFile struct {
	Version int                          `json:"version"`
	Key     string                       `json:"key"`
	Salts   map[string]int               `json:"salts,omitempty"`
	Given   map[string]map[string]string `json:"given"`
	Retired map[string]map[string]string `json:"retired,omitempty"`
}

const keySize = 32

// NewTable is an empty table with a key of its own.
func NewTable() *Table {
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	return newTable(key)
}

func newTable(key []byte) *Table {
	t := &Table{key: key, salts: map[string]int{}}
	for c := range find.Classes {
		t.given[c], t.issued[c], t.retired[c] = map[string]string{}, map[string]string{}, map[string]string{}
	}
	return t
}

// Load reads what Bytes gave.
func Load(b []byte) (*Table, error) {
	var f tableFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("the map of pseudonyms cannot be read: %w", err)
	}
	if f.Version != 1 {
		return nil, fmt.Errorf("the map of pseudonyms is of version %d: a newer grab made it", f.Version)
	}
	key, err := base64.StdEncoding.DecodeString(f.Key)
	if err != nil || len(key) != keySize {
		return nil, errors.New("the map of pseudonyms has no whole key")
	}
	t := newTable(key)
	maps.Copy(t.salts, f.Salts)
	for c, name := range find.ClassNames {
		for raw, as := range f.Given[name] {
			if _, twice := t.issued[c][as]; twice || raw == "" || as == "" {
				return nil, errors.New("the map of pseudonyms is damaged: one of them stands for two things")
			}
			t.given[c][raw], t.issued[c][as] = as, raw
		}
		maps.Copy(t.retired[c], f.Retired[name])
		for as, raw := range t.issued[c] {
			if _, both := t.given[c][as]; both { // an earlier version did that
				t.retire(find.Class(c), as, raw)
			}
		}
	}
	return t, nil
}

// Bytes is the table as JSON, the same for the same table. It is secret.
func (t *Table) Bytes() ([]byte, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	f := tableFile{Version: 1, Key: base64.StdEncoding.EncodeToString(t.key), Salts: t.salts, Given: map[string]map[string]string{}, Retired: map[string]map[string]string{}}
	for c, name := range find.ClassNames {
		if len(t.given[c]) > 0 {
			f.Given[name] = t.given[c]
		}
		if len(t.retired[c]) > 0 {
			f.Retired[name] = t.retired[c]
		}
	}
	b, err := json.Marshal(f)
	return append(b, '\n'), err
}

// ID names the table without telling anything of it: what was masked under it bears it.
func (t *Table) ID() string {
	h := t.prf("id")
	return hex.EncodeToString(h[:8])
}

// Len is how many pseudonyms were issued.
func (t *Table) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.size()
}

func (t *Table) size() int {
	n := 0
	for _, m := range t.given {
		n += len(m)
	}
	return n
}

// prf is chance that follows from the table's key.
func (t *Table) prf(parts ...string) [sha256.Size]byte {
	h := hmac.New(sha256.New, t.key)
	for _, p := range parts {
		h.Write([]byte{byte(len(p) >> 8), byte(len(p))})
		h.Write([]byte(p))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// look is the pseudonym of a raw value; known also if the value is itself one.
func (t *Table) look(c find.Class, v []byte) (as string, known bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if as, ok := t.given[c][string(v)]; ok {
		return as, true
	}
	if _, ok := t.issued[c][string(v)]; ok {
		return string(v), true
	}
	return "", false
}

var errFull = fmt.Errorf("more than %d different names and addresses: mask the bundle with a map of its own (mask.scope: case), or fewer files at once", maxNames)

// settle issues pseudonyms to all values of a bundle. With raw, whatever of them was issued
// for something else before is issued anew: nothing that a bundle of this scope holds
// stands for something else in what comes.
func (t *Table) settle(learned *[find.Classes]map[string]struct{}, raw bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var wanted [find.Classes][]string
	for c := range find.Classes {
		for v := range learned[c] {
			if of, ok := t.issued[c][v]; ok {
				if !raw {
					continue
				}
				t.retire(c, v, of)
				wanted[c] = append(wanted[c], of)
			}
			if _, ok := t.given[c][v]; !ok {
				wanted[c] = append(wanted[c], v)
			}
		}
		slices.Sort(wanted[c])
		wanted[c] = slices.Compact(wanted[c])
		for _, v := range wanted[c] { // also of earlier bundles: not to be issued for something else meanwhile
			learned[c][v] = struct{}{}
		}
	}
	t.chooseSalts(wanted[find.Addrs])
	for c := range find.Classes {
		for _, v := range wanted[c] {
			if t.size() >= maxNames {
				return errFull
			}
			t.issue(c, v, learned[c])
		}
	}
	return nil
}

// retire takes back what was issued for a value: it is a raw value itself.
func (t *Table) retire(c find.Class, as, raw string) {
	delete(t.given[c], raw)
	delete(t.issued[c], as)
	t.retired[c][as] = raw
}

// assign is settle for one value that turns up late. One that has been issued by then stays, as
// look has it.
func (t *Table) assign(c find.Class, v string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if as, ok := t.given[c][v]; ok {
		return as, nil
	}
	if _, ok := t.issued[c][v]; ok {
		return v, nil
	}
	if t.size() >= maxNames {
		return "", errFull
	}
	return t.issue(c, v, nil), nil
}

// dictionary is what the table has pseudonyms for.
func (t *Table) dictionary(domains map[string]bool, everywhere bool) *find.Dictionary {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return find.NewDictionary(&t.given, domains, everywhere)
}
