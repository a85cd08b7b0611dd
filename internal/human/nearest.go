package human

import "strings"

// Nearest is the word of known that was probably meant by word, "" if none is near. Case
// does not matter, nor whether words are joined by - or _.
func Nearest(word string, known ...string) string {
	best, least := "", min(1+max(1, len(word)/3), len(word))
	for _, k := range known {
		if d := distance(word, k); d < least {
			best, least = k, d
		}
	}
	return best
}

func plainWord(s string) string { return strings.ToLower(strings.ReplaceAll(s, "-", "_")) }

// distance is the number of letters to insert, delete, change or swap to make b
// of a; a long key is far from everything.
func distance(a, b string) int {
	a, b = plainWord(a), plainWord(b)
	if len(a) > 40 {
		return len(a)
	}
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
