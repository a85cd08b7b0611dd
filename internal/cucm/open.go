package cucm

import (
	"fmt"
	"io"
)

// A ShortError is of a file that came shorter than it was listed.
type ShortError struct{ Got, Listed int64 }

func (e *ShortError) Error() string {
	return fmt.Sprintf("the file came with %d bytes, and was listed with %d", e.Got, e.Listed)
}

type measured struct {
	io.ReadCloser
	got, want int64
}

func (m *measured) Read(b []byte) (int, error) {
	n, err := m.ReadCloser.Read(b)
	m.got += int64(n)
	if err == io.EOF && m.got < m.want {
		err = &ShortError{m.got, m.want}
	}
	return n, err
}
