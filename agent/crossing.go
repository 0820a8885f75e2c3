package agent

import (
	"fmt"
	"strings"
)

// CheckCrossing tells of two patterns of one meter that take some paths in
// common although neither takes all of the other's, or that take the same:
// whoever wrote them probably means something else. Nested ones, such as
// /v1/* and /v1/users, are fine. Patterns that aren't understood are passed
// over.
func CheckCrossing(patterns []string) error {
	var parsed [][]segment
	for i, p := range patterns {
		segs, err := splitPattern(p)
		parsed = append(parsed, segs)
		if err != nil {
			continue
		}
		for k, other := range parsed[:i] {
			if other == nil {
				continue
			}
			switch how, path := compare(segs, other); how {
			case equalPaths:
				return fmt.Errorf("path %q takes the same paths as %q; want one of them", p, patterns[k])
			case crossing:
				return fmt.Errorf("path %q and %q cross: both take %s; want one that holds the other, or none", patterns[k], p, path)
			}
		}
	}
	return nil
}

// relation says what two patterns have in common.
type relation uint8

const (
	apart relation = iota
	nested
	equalPaths
	crossing
)

// compare returns how a and b relate, and a path that both take if there is
// one.
func compare(a, b []segment) (relation, string) {
	var path strings.Builder
	aWider, bWider := false, false
	for i := 0; ; i++ {
		endA, endB := i == len(a), i == len(b)
		if endA || endB {
			if endA != endB {
				return apart, "" // other numbers of segments, and no rest
			}
			break
		}
		x, y := a[i], b[i]
		if x.kind == segRest || y.kind == segRest {
			aWider = aWider || y.kind != segRest
			bWider = bWider || x.kind != segRest
			longer := a
			if x.kind == segRest {
				longer = b
			}
			for _, s := range longer[i:] {
				path.WriteString("/" + s.sample())
			}
			break
		}
		switch {
		case x.kind == segLiteral && y.kind == segLiteral:
			if x.literal != y.literal {
				return apart, ""
			}
		case x.kind == segParam && y.kind == segParam:
		case x.kind == segParam:
			if y.literal == "" {
				return apart, ""
			}
			aWider, x = true, y
		default:
			if x.literal == "" {
				return apart, ""
			}
			bWider = true
		}
		path.WriteString("/" + x.sample())
	}
	switch {
	case aWider && bWider:
		return crossing, path.String()
	case aWider || bWider:
		return nested, path.String()
	}
	return equalPaths, path.String()
}

// sample returns text that the segment takes.
func (s segment) sample() string {
	if s.kind == segLiteral {
		return s.literal
	}
	return "x"
}
