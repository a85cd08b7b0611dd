package registration

// Every is how many of the scenarios are played in all forms: one in so many.
const Every = every

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
