//go:build race

package parsers

// raced says that the race detector runs: sync.Pool then forgets at random, so
// that a regular expression allocates now and then.
const raced = true
