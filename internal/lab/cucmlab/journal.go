package cucmlab

import (
	"bytes"
	"compress/gzip"
	"io"
	"slices"
	"time"
)

// Rotation is how the files that a Cluster writes itself follow each other.
type Rotation struct {
	Size int // bytes of text in a file; zero: 2 MiB
	Keep int // files of a log; zero: 250. The oldest goes
}

func (r *Rotation) setDefaults() {
	if r.Size == 0 {
		r.Size = 2 << 20
	}
	if r.Keep == 0 {
		r.Keep = 250
	}
}

// A journal is one log of one node: text files that follow each other, plain or
// compressed. Of compressed ones the newest is a stream without an end (.gzo), and what it
// has once stays as it is.
type journal struct {
	File          // Log, System and the folder as Path
	rotation      Rotation
	name          func(number int) string // of a file, without what tells that it is compressed
	rotates       func(age int) string    // instead: names go on to older files, as syslog's do
	plain         bool
	head          string // of each file
	number        int    // of the newest
	closed        []File
	text          bytes.Buffer // of the newest, when it is plain
	packed        bytes.Buffer // and when not
	gz            *gzip.Writer
	size          int // of the newest's text
	first, latest time.Time
}

// write adds a record that was written at the time at.
func (j *journal) write(at time.Time, record []byte) {
	if j.size > 0 && j.size+len(record) > j.rotation.Size {
		j.close()
	}
	if j.size == 0 {
		j.number++
		j.first = at
		j.text, j.packed = bytes.Buffer{}, bytes.Buffer{}
		j.gz = gzip.NewWriter(&j.packed)
		j.add([]byte(j.head))
	}
	j.add(record)
	j.latest = at
}

func (j *journal) add(text []byte) {
	j.size += len(text)
	if j.plain {
		j.text.Write(text)
		return
	}
	j.gz.Write(text) // into memory
}

// close ends the newest file.
func (j *journal) close() {
	f := j.now()
	if !j.plain {
		j.gz.Close()
		f = j.file(j.name(j.number)+compressedSuffix, j.packed.Bytes())
	}
	for i := range j.closed {
		j.aged(&j.closed[i], len(j.closed)-i+1)
	}
	j.aged(&f, 1)
	j.closed = append(j.closed, f)
	if n := len(j.closed) - j.rotation.Keep + 1; n > 0 {
		j.closed = slices.Delete(j.closed, 0, n)
	}
	j.size = 0
}

// aged names a file by its age, if that is what names follow.
func (j *journal) aged(f *File, age int) {
	if j.rotates != nil {
		f.Path = j.Path + "/" + j.rotates(age)
	}
}

// now is the newest file as it is.
func (j *journal) now() File {
	switch {
	case j.rotates != nil:
		return j.file(j.rotates(0), j.text.Bytes())
	case j.plain:
		return j.file(j.name(j.number), j.text.Bytes())
	}
	j.gz.Flush()
	return j.file(j.name(j.number)+openSuffix, j.packed.Bytes())
}

func (j *journal) file(name string, contents []byte) File {
	f := j.File
	contents = slices.Clone(contents)
	f.Path += "/" + name
	f.Size, f.First, f.Modified = int64(len(contents)), j.first, j.latest
	f.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(contents)), nil }
	return f
}

// files are all, the oldest first.
func (j *journal) files() []File {
	out := slices.Clone(j.closed)
	if j.size > 0 {
		out = append(out, j.now())
	}
	return out
}
