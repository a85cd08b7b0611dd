package main

// hangups asks for nothing: Windows has no SIGHUP. `grab reload` and `grab service reload`
// ask by the pipe, and the service manager may.
type hangups struct{}

func (hangups) Ready()                                 {}
func (hangups) OnReload(chan<- struct{}) (stop func()) { return func() {} }
