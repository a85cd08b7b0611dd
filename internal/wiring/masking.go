package wiring

import (
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/masking"
)

// Masker masks the bundles of a configuration's store.
func Masker(cfg *config.Config, analyst *analysis.Analyst) *masking.Masker {
	return &masking.Masker{Store: cfg.Store, Scope: cfg.Mask.Scope, Analyst: analyst}
}
