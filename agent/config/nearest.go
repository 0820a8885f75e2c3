package config

import (
	"fmt"
	"strings"
)

// suggest says what was probably meant by a key that its table doesn't take.
func suggest(table, k string) (meant, hint string) {
	if owner, ok := elsewhere(table, k); ok {
		if owner == "" {
			return "it belongs to the top of the file", "a key below a [table] belongs to that table; move it above the first one"
		}
		return fmt.Sprintf("it belongs to [%s]", owner), ""
	}
	here := below(table)
	if word := nearest(k, here); word != "" {
		return "did you mean " + word + "?", ""
	}
	return "want " + orList(here), ""
}

// elsewhere returns the table that takes a key k, of several the one nearest
// to table; "" is the top of the file.
func elsewhere(table, k string) (owner string, ok bool) {
	most := -1
	for _, known := range keys {
		i := strings.LastIndexByte(known.name, '.')
		if known.name[i+1:] != k {
			continue
		}
		if n := commonParts(table, known.name); n > most {
			owner, most, ok = known.name[:max(i, 0)], n, true
		}
	}
	return owner, ok
}

// commonParts returns how many parts two dotted names share at their front.
func commonParts(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	n := 0
	for n < len(as) && n < len(bs) && as[n] == bs[n] {
		n++
	}
	return n
}

// nearest returns the word that was probably meant, "" when none is close: at
// most one slip in three letters, where case and the choice of - or _ are free.
func nearest(word string, words []string) string {
	best, least := "", 1+min(3, max(1, len(word)/3))
	for _, w := range words {
		if d := distance(fold(word), fold(w)); d < least {
			best, least = w, d
		}
	}
	return best
}

func fold(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }

// distance returns how many letters must be put in, left out, changed or
// swapped with their neighbour to make b of a.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b)) // nobody mistypes a key of that length
	}
	before, above := make([]int, len(b)+1), make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := above[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(above[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
