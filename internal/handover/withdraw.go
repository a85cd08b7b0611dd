package handover

// Withdraw gives up the deliveries of an incident that have not begun, for it is to be removed. begun: others
// are under way, or the far side may have them, and come to their end first.
func Withdraw(e *Engine, key, why string) (begun bool) {
	s := &e.state
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		if j.Key != key || j.State.Final() {
			continue
		}
		if s.busy[j.Name()] != nil || j.State == Running || j.State == Unknown {
			begun = true
			continue
		}
		if err := e.giveUp(j, why); err != nil {
			e.errorf(j, err, "a delivery that is not needed any more cannot be given up yet")
			begun = true
		}
	}
	return begun
}
