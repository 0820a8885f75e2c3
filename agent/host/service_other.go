//go:build !linux

package host

import "github.com/logmeter/logmeter/agent"

// Clock says nothing on other systems than Linux.
func Clock() []agent.Finding { return nil }

// OpenFiles says nothing on other systems than Linux.
func OpenFiles(pid, logs int) []agent.Finding { return nil }

// Service says nothing on other systems than Linux.
func Service(unit string) []agent.Finding { return nil }
