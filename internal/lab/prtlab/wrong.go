package prtlab

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// Wrong is how a phone's post differs from a good one. The zero value is good.
type Wrong struct {
	// What real phones do, and a receiver has to bear:
	Chunked   bool // no Content-Length
	Quotes    bool // the values stand in quotes
	FileFirst bool // the file stands before the fields
	Expect    bool // Expect: 100-continue
	Fields    int  // so many more fields

	// What it has to refuse:
	Device   string // another one is named
	NoDevice bool
	FileName string // of the file; it is written as it is
	NoFile   bool
	NoForm   bool // the file is the body
	TwoFiles bool // the file is twice in the form
	Method   string
	Type     string // Content-Type; zero: the form's
	Kind     Kind   // of what is in the file
	Size     int64  // so many bytes without an end that makes sense follow the gzip magic, instead of the report
	Short    int64  // the file lacks its last bytes, in a form that is whole
	Long     int    // bytes of one more field

	// How the connection fails:
	Cut     int64 // after so many bytes of the body
	TooLong int64 // Content-Length is larger than the body
	NoEnd   bool  // the form's last boundary is missing
	Pause   time.Duration
	Gate    <-chan struct{} // after the first byte nothing comes until it is closed
}

// Kind says what a file is that is no gzip.
type Kind string

// The kinds. The zero value is gzip.
const (
	Text  Kind = "text"
	Zip   Kind = "zip"
	Empty Kind = "empty"
	Magic Kind = "magic" // gzip's first bytes and nothing behind
)

func contentType(w Wrong) string {
	switch {
	case w.Type != "":
		return w.Type
	case w.NoForm:
		return "application/gzip"
	}
	return `multipart/form-data; boundary="` + boundary + `"`
}

// contents are the file's, and how many bytes.
func contents(w Wrong, r Report) (io.Reader, int64) {
	b := r.Contents
	switch w.Kind {
	case Text:
		b = []byte("<html>this is not what it says</html>\n")
	case Zip:
		b = append([]byte("PK\x03\x04"), b...)
	case Empty:
		b = nil
	case Magic:
		b = []byte{0x1f, 0x8b, 8}
	}
	if w.Size > 0 {
		head := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}
		return io.MultiReader(bytes.NewReader(head), io.LimitReader(noise{rand.New(rand.NewPCG(1, 2))}, w.Size-int64(len(head)))), w.Size
	}
	b = b[:max(int64(len(b))-w.Short, 0)]
	return bytes.NewReader(b), int64(len(b))
}

// A Case is a way to post, and whether the receiver may take it.
type Case struct {
	Name  string
	Wrong Wrong
	Take  Take
}

// Take says what a receiver does with a post.
type Take int

// The answers.
const (
	Refuse Take = iota
	Keep        // byte for byte
	Either      // whole, if it is kept
)

// Cases are all ways of one post, beside size and place.
func Cases() []Case {
	return []Case{
		{"good", Wrong{}, Keep},
		{"chunked", Wrong{Chunked: true}, Keep},
		{"quoted", Wrong{Quotes: true}, Keep},
		{"file_first", Wrong{FileFirst: true}, Keep},
		{"expect", Wrong{Expect: true}, Keep},
		{"some_fields", Wrong{Fields: 5}, Keep},
		{"wrong_mac", Wrong{Device: "SEP00GG11223344"}, Refuse},
		{"device_path", Wrong{Device: "../../../SEP001122334455"}, Refuse},
		{"device_empty", Wrong{Device: `""`}, Refuse},
		{"device_nul", Wrong{Device: "SEP0011223344\x0055"}, Refuse},
		{"no_device", Wrong{NoDevice: true}, Refuse},
		{"no_file", Wrong{NoFile: true}, Refuse},
		{"no_form", Wrong{NoForm: true}, Refuse},
		{"two_files", Wrong{TwoFiles: true}, Either},
		{"put", Wrong{Method: http.MethodPut}, Refuse},
		{"get", Wrong{Method: http.MethodGet}, Refuse},
		{"json", Wrong{Type: "application/json"}, Refuse},
		{"no_boundary", Wrong{Type: "multipart/form-data"}, Refuse},
		{"text", Wrong{Kind: Text}, Refuse},
		{"zip", Wrong{Kind: Zip}, Refuse},
		{"empty", Wrong{Kind: Empty}, Refuse},
		{"magic", Wrong{Kind: Magic}, Refuse},
		{"short_file", Wrong{Short: 40}, Refuse},
		{"cut", Wrong{Cut: 700}, Refuse},
		{"too_long", Wrong{TooLong: 1000}, Either},
		{"no_end", Wrong{NoEnd: true}, Refuse},
		{"many_fields", Wrong{Fields: 20_000}, Refuse},
		{"long_field", Wrong{Long: 4 << 20}, Refuse},
	}
}

// Names are file names that are to harm nobody: the report is good, and what is kept bears
// none of them.
func Names() []string {
	return []string{"../../../../etc/cron.d/x", `..\..\windows\x.tar.gz`, "/etc/passwd", "prt.tar.gz\r\nX-Evil: 1", "a/../../b.tar.gz", "CON", "con.tar.gz", "nul", "prt:stream.tar.gz", ".", "..", " ", "prt\x00.tar.gz", "\u202egz.tar", string(bytes.Repeat([]byte("n"), 5000))}
}
