package find

// merge joins the hits of b as it is and with its escapes undone. Secrets are joined to
// the largest, of others those of the undone text count.
func merge(b []byte, own, undone []Hit) []Hit {
	secrets := func(of []Hit) (yes, no []Hit) {
		for _, h := range of {
			if h.Class == Secret {
				yes = append(yes, h)
			} else {
				no = append(no, h)
			}
		}
		return yes, no
	}
	ownSecrets, own := secrets(own)
	undoneSecrets, undone := secrets(undone)
	out := Over(nil, join(b, ownSecrets, undoneSecrets), undone)
	return Over(nil, out, own)
}

// join is the hits of both in order, those that touch each other made one, which stands there
// as text has it.
func join(text []byte, a, b []Hit) []Hit {
	all := inOrder(a, b)
	out := all[:0]
	for _, h := range all {
		n := len(out)
		if n == 0 || h.From >= out[n-1].To {
			out = append(out, h)
			continue
		}
		if last := &out[n-1]; h.To > last.To {
			last.To = h.To
			last.V = text[last.From:last.To]
		}
	}
	return out
}

// Over appends first and those of then that touch none of it to out, in order.
func Over(out, first, then []Hit) []Hit {
	for i := range then {
		h := &then[i]
		for len(first) > 0 && first[0].To <= h.From {
			out, first = append(out, first[0]), first[1:]
		}
		if len(first) == 0 || first[0].From >= h.To {
			out = append(out, *h)
		}
	}
	return append(out, first...)
}

func inOrder(a, b []Hit) []Hit {
	out := make([]Hit, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].From <= b[0].From {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}
