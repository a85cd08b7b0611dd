package cucmlab

import (
	"math/rand/v2"
	"strings"
)

// Draw is a mixture of what may go wrong with logs and files, and its name: dresses, forms
// and dates as some release may have them, and now and then a connection that breaks once
// or twice. What is not there at all, or never answers, is not among it.
func Draw(rng *rand.Rand) (Faults, string) {
	var f Faults
	var names []string
	maybe := func(name string, of int, do func()) {
		if rng.IntN(of) == 0 {
			names = append(names, name)
			do()
		}
	}
	maybe("no prefix", 3, func() { f.SOAP.NoPrefix = true })
	maybe("multipart", 3, func() { f.SOAP.Multipart = true })
	maybe("untyped", 6, func() { f.SOAP.Multipart, f.SOAP.Untyped = true, true })
	maybe("odd names", 3, func() { f.Logs.Odd = true })
	maybe("no zone", 4, func() { f.Logs.NoZone = true })
	maybe("by offset", 3, func() { f.Logs.ByOffset = true })
	maybe("no list", 5, func() { f.Logs.NoNames = true })
	maybe("lag", 3, func() { f.Logs.Lag = rng.Int64N(4000) })
	maybe("torn", 3, func() { f.Logs.Torn = 1 + rng.Int64N(300) })
	maybe("no dime", 6, func() { f.Off = []Service{GetFile} })
	f.Logs.Form = []Form{"", "", FormUnquoted, FormXOP, FormBase64, FormRaw}[rng.IntN(6)]
	f.Logs.Dates = []Dates{"", DatesIgnored, DatesModified}[rng.IntN(3)]
	names = append(names, "form "+string(f.Logs.Form), "dates "+string(f.Logs.Dates))
	for _, s := range []Service{LogCollection, GetFile} {
		times := 1 + rng.IntN(2)
		maybe("cut "+string(s), 4, func() { f.Line = append(f.Line, Line{Service: s, Cut: 1 + rng.Int64N(5000), Times: times}) })
		maybe("busy "+string(s), 5, func() { f.Line = append(f.Line, Line{Service: s, Status: 503, Times: times}) })
		maybe("too long "+string(s), 6, func() { f.Line = append(f.Line, Line{Service: s, TooLong: 7, Times: times}) })
	}
	return f, strings.Join(names, ", ")
}
