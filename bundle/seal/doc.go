// Package seal signs bundles with the collector's own key and checks such signatures, in
// the format of minisign: whoever has the public key verifies a bundle with
// `minisign -V` alone.
//
// It guarantees that the same key and contents give the same bytes (Ed25519 over
// BLAKE2b-512, and a trusted comment without a time), that a key is made once and never
// again by itself, and that the public keys of retired ones stay listed. A Ring is the keys
// of one store. It does not know what is in a bundle.
package seal
