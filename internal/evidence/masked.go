package evidence

// What was taken out of a masked bundle. Readers must accept new values.
const (
	MaskedCredentials = "credentials" // what lets somebody log in
	MaskedIdentities  = "identities"  // that, and everything that tells who and where
)

// Masked says how a bundle was masked: credentials and identities are replaced by other
// words in all of it.
type Masked struct {
	Strength string    `json:"strength"` // one of Masked…
	Scope    string    `json:"scope"`    // "site" or "case": within it the same thing has the same name
	Map      string    `json:"map"`      // the ID of the map, which the collector has
	RawHead  string    `json:"raw_head"` // where the chain of custody of the bundle that was masked ends
	LeftOut  []LeftOut `json:"left_out"` // what could not be masked, and is not in the bundle
}

// LeftOut is a file, or a field of the manifest, that is not in a masked bundle.
type LeftOut struct {
	What string `json:"what"` // masked too
	Why  string `json:"why"`
}
