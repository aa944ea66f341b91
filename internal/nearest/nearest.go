// Package nearest finds what somebody meant who mistyped a word.
package nearest

import "strings"

// Word returns the known word with the fewest edits from word, case apart, and
// the first of several; "" where even that one is more than a third of
// word's letters away and so more likely to mislead.
func Word(word string, known []string) string {
	best, distance := "", max(1, len(word)/3)+1
	for _, k := range known {
		if d := edits(strings.ToLower(word), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// edits counts the bytes to insert, delete or replace, and the neighbours to
// swap, between a and b (optimal string alignment).
func edits(a, b string) int {
	two, one, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		two, one, row = one, row, two
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := one[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(replaced, one[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
