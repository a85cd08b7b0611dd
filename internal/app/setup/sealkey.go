package setup

import "rtmtgrab/bundle/seal"

// makeKey makes the key that signs the bundles of a store, which need not be there yet.
func makeKey(store string) error {
	_, err := seal.Ring{Dir: store}.Key()
	return err
}
