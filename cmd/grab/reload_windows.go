package main

// onReload does nothing: Windows has no SIGHUP. Restart the program instead.
func onReload(chan<- struct{}) (stop func()) { return func() {} }
