package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration"
)

// JSON writes the report as one indented document with a line end. Its lists are
// never null; <, > and & stand as they are. It holds one phone at a time in memory.
func JSON(w io.Writer, r *registration.Report) error {
	out := bufio.NewWriterSize(w, 64<<10)
	head := *r
	head.Phones = nil
	b, err := indented(whole(head), "")
	if err != nil {
		return err
	}
	const end = "[]\n}\n" // of the document: the phones are the last field
	if !bytes.HasSuffix(b, []byte(end)) {
		return errors.New("encode the report: its phones are not its last field")
	}
	out.Write(b[:len(b)-len(end)])
	if len(r.Phones) == 0 {
		out.WriteString(end)
		return out.Flush()
	}
	for i := range r.Phones {
		sep := "[\n    "
		if i > 0 {
			sep = ",\n    "
		}
		out.WriteString(sep)
		b, err := indented(whole(registration.Report{Phones: r.Phones[i : i+1]}).Phones[0], "    ")
		if err != nil {
			return err
		}
		if _, err := out.Write(bytes.TrimSuffix(b, []byte("\n"))); err != nil {
			return err
		}
	}
	out.WriteString("\n  ]\n}\n")
	return out.Flush()
}

// indented is v with a line end, every line but the first behind prefix.
func indented(v any, prefix string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent(prefix, "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}

// whole is a report without nil lists; the given one stays as it is.
func whole(r registration.Report) registration.Report {
	r.Notes, r.Files = list(r.Notes), list(r.Files)
	r.Alerts = each(r.Alerts, func(a *evidence.Alert) { a.Devices = list(a.Devices) })
	r.Connections = list(each(r.Connections, func(c *registration.Connection) { c.Devices, c.Proofs = list(c.Devices), list(c.Proofs) }))
	r.Groups = list(each(r.Groups, func(g *registration.Group) { g.Devices, g.Proofs = list(g.Devices), list(g.Proofs) }))
	r.Phones = list(each(r.Phones, func(p *registration.Phone) {
		p.Numbers, p.CallIDs, p.Statements, p.Proofs = list(p.Numbers), list(p.CallIDs), list(p.Statements), list(p.Proofs)
		if said := p.CUCMPhone; said != nil && said.Lines == nil {
			own := *said
			own.Lines = []evidence.CUCMLine{}
			p.CUCMPhone = &own
		}
		p.Transactions = list(each(p.Transactions, func(t *registration.Transaction) {
			t.Hops = list(each(t.Hops, func(h *registration.Hop) { h.Proofs = list(h.Proofs) }))
		}))
	}))
	return r
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// each changes a copy.
func each[T any](s []T, change func(*T)) []T {
	s = slices.Clone(s)
	for i := range s {
		change(&s[i])
	}
	return s
}
