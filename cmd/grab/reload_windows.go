package main

// onReload does nothing: Windows has no SIGHUP. A service reloads when its manager asks
// for it (`grab service reload`); a watch on a console is started anew.
func onReload(chan<- struct{}) (stop func()) { return func() {} }
