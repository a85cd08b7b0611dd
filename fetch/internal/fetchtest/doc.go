// Package fetchtest is what the tests of fetch and of the packages below it have in
// common: logs in a folder of this machine, and who writes and rotates them.
//
// It knows nothing of connections and grabs, and is for tests only.
package fetchtest
