package ring

import (
	"bufio"
	"bytes"
	"encoding/json"
	"hash/crc32"
	"io"
	"time"

	"rtmtgrab/fetch/hostconn"
)

const (
	maxFrame  = 1 << 20   // uncompressed bytes of one frame
	maxPacked = 2 << 20   // compressed bytes of one frame
	maxEntry  = 64 << 10  // bytes of one line of an index
	maxIndex  = 256 << 20 // bytes of an index that are read
)

// An indexLine is one line of a ring's index; one of its parts is set. Entries of a
// family are numbered without a gap: what is missing shows.
type indexLine struct {
	N     int64      `json:"n"`
	File  *knownFile `json:"file,omitempty"`
	Frame *Frame     `json:"frame,omitempty"`
	Seen  *seen      `json:"seen,omitempty"`
}

// A knownFile is a file of the host as the ring knows it. Its later lines replace
// its earlier ones.
type knownFile struct {
	ID    int64     `json:"id"`
	Name  string    `json:"name"` // under which it was last seen
	Head  []byte    `json:"head"` // as in held
	At    int64     `json:"at,omitempty"`
	First time.Time `json:"first,omitzero"` // of its first record, by the host's clock
	End   int64     `json:"end"`            // up to which the ring has had it
	NL    bool      `json:"nl,omitempty"`   // what was had ends a line

	whole bool      // at rest, and the ring has had all of it
	used  time.Time // when it was last held, by the collector's clock
}

// A Frame is a byte range of a file, one zstd frame of the segment. First and
// Last are the earliest and the latest time of the records that begin in it.
type Frame struct {
	File   int64     `json:"file"`
	Offset int64     `json:"offset"`
	Length int64     `json:"length"`
	First  time.Time `json:"first,omitzero"`
	Last   time.Time `json:"last,omitzero"`
	SHA256 []byte    `json:"sha256"`
	Pos    int64     `json:"pos"` // in the .zst
	Packed int64     `json:"packed"`
	Size   int64     `json:"size"` // of the host's file then, as stored there
	MTime  time.Time `json:"mtime"`
	BOL    bool      `json:"bol,omitempty"` // begins with a line
	NL     bool      `json:"nl,omitempty"`  // ends with a line
}

// A seen says that all records of [From, At) were in the ring: From is the
// host's time, At the collector's, Clock the host's minus the collector's.
type seen struct {
	From   time.Time      `json:"from"`
	At     time.Time      `json:"at"`
	Newest int64          `json:"newest,omitempty"` // ringFile.ID of the newest file then
	Clock  *time.Duration `json:"clock,omitempty"`
	Doubt  time.Duration  `json:"doubt,omitempty"`
}

func (f *Frame) end() int64 { return f.Offset + f.Length }

const (
	entryStart = `{"sum":"`
	entryBody  = `","entry":`
)

// encode is the entry as it stands in an index: JSON that holds its own check sum.
func (e indexLine) encode() ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	out := append([]byte(entryStart), hex8(sumOf(b))...)
	out = append(append(out, entryBody...), b...)
	return append(out, "}\n"...), nil
}

func sumOf(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func hex8(n uint32) []byte {
	const digits = "0123456789abcdef"
	b := make([]byte, 8)
	for i := range b {
		b[i] = digits[n>>(28-4*i)&15]
	}
	return b
}

// parseEntry reads a line without its end; false if it is damaged in any way.
func parseEntry(line []byte) (e indexLine, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte(entryStart))
	if !ok || len(rest) < 8+len(entryBody)+1 {
		return e, false
	}
	sum, rest := rest[:8], rest[8:]
	body, ok := bytes.CutPrefix(rest, []byte(entryBody))
	if !ok || body[len(body)-1] != '}' {
		return e, false
	}
	body = body[:len(body)-1]
	if !bytes.Equal(hex8(sumOf(body)), sum) || json.Unmarshal(body, &e) != nil {
		return indexLine{}, false
	}
	return e, e.valid()
}

func (e indexLine) valid() bool {
	if e.N <= 0 {
		return false
	}
	switch f, fr := e.File, e.Frame; {
	case f != nil && fr == nil && e.Seen == nil:
		return f.ID > 0 && len(f.Head) <= hostconn.HeadSize && f.At >= 0 && f.End >= 0
	case fr != nil && f == nil && e.Seen == nil:
		return fr.File > 0 && fr.Offset >= 0 && fr.Length > 0 && fr.Length <= maxFrame && fr.Pos >= 0 && fr.Packed > 0 &&
			fr.Packed <= maxPacked && fr.Offset <= 1<<62 && fr.Pos <= 1<<62 && len(fr.SHA256) == 32
	}
	return e.Seen != nil && e.File == nil && e.Frame == nil
}

// readEntries reads an index and passes over what is damaged, a last line without
// an end included: the writer may be at it, or have died.
func readEntries(r io.Reader) []indexLine {
	var out []indexLine
	in := bufio.NewReaderSize(io.LimitReader(r, maxIndex), maxEntry)
	for {
		line, err := in.ReadSlice('\n')
		if err == nil {
			if e, ok := parseEntry(line[:len(line)-1]); ok {
				out = append(out, e)
			}
			continue
		}
		if err != bufio.ErrBufferFull { // the end, or no more can be read
			return out
		}
		for err == bufio.ErrBufferFull { // no line of ours
			_, err = in.ReadSlice('\n')
		}
	}
}
