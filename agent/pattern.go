package agent

import (
	"bytes"
	"fmt"
	"strings"
)

// pathTree finds which rules may want a path, in time that grows with the
// path's depth and the number of matching patterns, not with the number of
// rules. It is read-only once indexed.
type pathTree struct {
	literal map[string]*pathTree
	param   *pathTree // {name}: one segment, not empty
	ends    ruleList  // rules of patterns that end here
	rests   ruleList  // rules of patterns whose rest begins here: /* or {name...}
}

// CheckPath tells whether pattern can be used as a meter's path, and what is
// accepted when it can't. The grammar: a slash, then segments separated by
// slashes. A segment is literal bytes, or {name} for exactly one segment that
// isn't empty. The last segment may also be * or {name...} for the whole rest
// (which may be empty) or {$} for nothing. Letter case, a trailing slash and
// every other byte count. Queries are no part of a path.
func CheckPath(pattern string) error {
	_, err := splitPattern(pattern)
	return err
}

// segment is one parsed segment of a pattern.
type segment struct {
	kind    segmentKind
	literal string
}

type segmentKind uint8

const (
	segLiteral segmentKind = iota
	segParam
	segRest
)

func splitPattern(pattern string) ([]segment, error) {
	if !strings.HasPrefix(pattern, "/") {
		return nil, fmt.Errorf("path %q doesn't begin with a slash", pattern)
	}
	if i := strings.IndexAny(pattern, "?#"); i >= 0 {
		return nil, fmt.Errorf("path %q holds a %q; want the path alone, without query or fragment", pattern, pattern[i])
	}
	parts := strings.Split(pattern[1:], "/")
	segs := make([]segment, 0, len(parts))
	for i, p := range parts {
		last := i == len(parts)-1
		switch {
		case p == "*", strings.HasPrefix(p, "{") && strings.HasSuffix(p, "...}"):
			if !last {
				return nil, fmt.Errorf("path %q has %s before its end; want it as the last segment, or {name} for one segment", pattern, p)
			}
			segs = append(segs, segment{kind: segRest})
		case p == "{$}":
			if !last {
				return nil, fmt.Errorf("path %q has {$} before its end; want it as the last segment", pattern)
			}
			segs = append(segs, segment{kind: segLiteral})
		case len(p) > 2 && p[0] == '{' && p[len(p)-1] == '}' && !strings.ContainsAny(p[1:len(p)-1], "{}*"):
			segs = append(segs, segment{kind: segParam})
		case strings.ContainsAny(p, "{}*"):
			return nil, fmt.Errorf("path %q has the segment %q; want literal text, {name} for one whole segment, or * for the rest", pattern, p)
		default:
			segs = append(segs, segment{kind: segLiteral, literal: p})
		}
	}
	return segs, nil
}

// add makes rule want the paths of pattern.
func (n *pathTree) add(pattern []segment, rule int32) {
	for _, s := range pattern {
		switch s.kind {
		case segRest:
			n.rests.all = append(n.rests.all, rule)
			return
		case segParam:
			if n.param == nil {
				n.param = &pathTree{}
			}
			n = n.param
		case segLiteral:
			next := n.literal[s.literal]
			if next == nil {
				if n.literal == nil {
					n.literal = map[string]*pathTree{}
				}
				next = &pathTree{}
				n.literal[s.literal] = next
			}
			n = next
		}
	}
	n.ends.all = append(n.ends.all, rule)
}

// index prepares every list of the tree for lookups.
func (n *pathTree) index(rules []rule) {
	n.ends.index(rules)
	n.rests.index(rules)
	if n.param != nil {
		n.param.index(rules)
	}
	for _, next := range n.literal {
		next.index(rules)
	}
}

// match appends the lists of rules whose paths path is among. It allocates
// only when lists is too small.
func (n *pathTree) match(path []byte, lists []*ruleList) []*ruleList {
	if len(path) == 0 || path[0] != '/' {
		return lists
	}
	return n.walk(path[1:], lists)
}

// walk matches the segments of rest, which begins behind a slash.
func (n *pathTree) walk(rest []byte, lists []*ruleList) []*ruleList {
	lists = n.rests.appendTo(lists)
	if n.literal == nil && n.param == nil {
		return lists
	}
	seg, tail, more := bytes.Cut(rest, []byte{'/'})
	if next := n.literal[string(seg)]; next != nil {
		if more {
			lists = next.walk(tail, lists)
		} else {
			lists = next.ends.appendTo(lists)
		}
	}
	if n.param != nil && len(seg) > 0 {
		if more {
			lists = n.param.walk(tail, lists)
		} else {
			lists = n.param.ends.appendTo(lists)
		}
	}
	return lists
}
