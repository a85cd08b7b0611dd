package registration

import "os"

// Every is how many of the scenarios are looked at in all forms: one in so many, with
// GRAB_LONG=1 each.
func Every() int {
	if os.Getenv("GRAB_LONG") != "" {
		return 1
	}
	return every
}

// What the tests from outside this package share with those inside: they play the
// same scenarios, from folders and bundles that package sources reads.
var (
	PlayScenario  = play
	SourcesOf     = sources
	AnalyzeThem   = analyze
	CheckLies     = checkLies
	SentencesOf   = sentencesOf
	ClaimOf       = claim
	LiePhoneLate  = liePhoneLate
	ScenarioSpans = spans
)
