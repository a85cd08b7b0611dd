package mask

import "io"

func (m *Masker) mail(name string, w io.Writer, r io.Reader, p pass) error {
	return p.text(name, Text, w, r)
}
