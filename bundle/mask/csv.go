package mask

import "io"

func columns(_ Kind, r io.Reader) io.Reader { return r }
