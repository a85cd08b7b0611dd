package incident

// tidy finishes what a crash left undone of sealed incidents: the slices of
// complete ones, which nobody needs. Unsealed incidents are taken up by Run like
// new ones; a bundle that was finished before the crash is adopted there.
func (r *Runner) tidy() {
	all, err := r.Store.incidentsOnDisk(r.log().Error)
	if err != nil {
		r.log().Error("incidents cannot be listed", "err", err)
		return
	}
	for _, in := range all {
		if in.State != Sealed {
			continue
		}
		lock, err := r.Store.lockIncident(in.Key)
		if err != nil {
			continue // somebody works at it
		}
		if now, err := r.Store.read(in.Key); err == nil {
			if err := r.Store.dropSlices(now); err != nil {
				r.log().Warn("slices stay for now", "incident", in.ID, "err", err)
			}
		}
		lock.Release()
	}
}
