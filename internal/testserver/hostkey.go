package testserver

import (
	"sync"
	"testing"
)

// spare are the RSA host keys of servers of tests that have ended: to make one takes a tenth of a
// second of CPU, and hardly any test looks at them.
var spare struct {
	sync.Mutex
	keys []Key
}

// hostKey is one that no server of a running test has, and none of this test had before.
func hostKey(tb testing.TB, typ string) Key {
	tb.Helper()
	if typ != "rsa" {
		return NewKey(tb, typ)
	}
	k, ok := spareKey()
	if !ok {
		k = NewKey(tb, typ)
	}
	tb.Cleanup(func() { // the server, which is started with it, has stopped by then
		spare.Lock()
		defer spare.Unlock()
		spare.keys = append(spare.keys, k)
	})
	return k
}

func spareKey() (k Key, ok bool) {
	spare.Lock()
	defer spare.Unlock()
	n := len(spare.keys)
	if n == 0 {
		return Key{}, false
	}
	k, spare.keys = spare.keys[n-1], spare.keys[:n-1]
	return k, true
}
