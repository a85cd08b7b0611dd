package fetch

import "time"

// patience only guards against tests that would never end.
const patience = 60 * time.Second
