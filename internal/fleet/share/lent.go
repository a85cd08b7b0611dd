package share

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
)

// A lent is what a collector lends of one host for one incident: what it has, and where it is.
type lent struct {
	Collector string          `json:"collector"`
	Site      string          `json:"site"`
	Incident  string          `json:"incident"` // its key at that collector
	Host      string          `json:"host"`
	Row       evidence.Host   `json:"row"`
	Judged    evidence.Window `json:"judged"`          // of which Row speaks
	Done      bool            `json:"done"`            // nothing more comes
	Clock     *fetch.ClockOf  `json:"clock,omitempty"` // the host's
	Hub       fetch.ClockOf   `json:"hub"`             // the collector's clock minus the hub's
	Pieces    []piece         `json:"pieces"`
}

// A piece is in parts on the hub, see fleet.PartKey.
type piece struct {
	fetch.Piece
	ID    string  `json:"id"`
	Parts []int64 `json:"parts"` // the bytes of each
}

// Bounds of what is believed.
const (
	idSize    = 16 // bytes
	mostParts = 200_000
)

// key is where it stands.
func (d *lent) key() string { return fleet.LentKey(d.Collector, d.Site, d.Incident, d.Host) }

// parse reads what stands at a key.
func parse(key string, plain []byte) (*lent, error) {
	var d lent
	if err := json.Unmarshal(plain, &d); err != nil {
		return nil, errors.New("it cannot be read")
	}
	if d.key() != key {
		return nil, errors.New("it is of another place")
	}
	parts := 0
	for i, p := range d.Pieces {
		if id, err := hex.DecodeString(p.ID); err != nil || len(id) != idSize {
			return nil, fmt.Errorf("piece %d has no name", i)
		}
		if parts += len(p.Parts); parts > mostParts {
			return nil, fmt.Errorf("it has more than %d parts", mostParts)
		}
		var sum int64
		for _, n := range p.Parts {
			if n <= 0 || n > partSize {
				return nil, fmt.Errorf("piece %d has a part of %d bytes", i, n)
			}
			sum += n
		}
		if sum != p.Length {
			return nil, fmt.Errorf("the parts of piece %d are %d bytes, and it has %d", i, sum, p.Length)
		}
	}
	return &d, nil
}

// A cut is what of a part is wanted.
type cut struct {
	part     int
	size     int64 // of the part
	from, to int64 // in it
}

// cuts are the parts that have bytes [from, to) of a piece.
func (p *piece) cuts(from, to int64) (list []cut) {
	var at int64
	for i, n := range p.Parts {
		if since, until := max(from, at), min(to, at+n); since < until {
			list = append(list, cut{i, n, since - at, until - at})
		}
		at += n
	}
	return list
}
