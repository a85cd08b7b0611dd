package logset

// SetLinearBelow sets up to which size files are read whole, and returns what sets it
// back.
func SetLinearBelow(n int64) (restore func()) {
	old := linearBelow
	linearBelow = n
	return func() { linearBelow = old }
}

var Within = within
