package main

// hangups asks for nothing: Windows has no SIGHUP. A service reloads when its manager asks
// for it (`grab service reload`); a watch on a console is started anew.
type hangups struct{}

func (hangups) Ready()                                 {}
func (hangups) OnReload(chan<- struct{}) (stop func()) { return func() {} }
