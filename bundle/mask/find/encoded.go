package find

import "encoding/base64"

// A Coding is what is in base64, and how it was made.
type Coding struct {
	Enc  *base64.Encoding
	Hits []Hit
}
