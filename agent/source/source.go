// Package source reads access logs: Follower follows one configured path as
// one perpetual stream of lines through every rotation, Files reads finished
// logs once.
//
// Its one idea is that a log is its content, not its name. A stream of content
// is recognised by its inode and birth time, by its first bytes, and by the
// bytes before the offset, so that it is found again after a rename, a copy, a
// truncation, compression or a restart, and each line is returned once. What
// can't be told yet isn't read yet; what is open stays open until it is final.
//
// The package knows nothing of what stands in a line, and keeps no state on
// disk: positions are committed by the caller together with what was counted.
// See design.md for the cases and their tests.
package source

import "github.com/logmeter/logmeter/agent"

var (
	_ agent.Source = (*Follower)(nil)
	_ agent.Source = (*Files)(nil)
)
