// Package config reads agent.toml: the sources, formats, meters, customers and
// the Stripe account that a daemon works with.
//
// Its one idea is that a person mends a file once. Every problem is reported
// at once, each with its line, what is accepted and, where it can be guessed,
// what was meant; a bad value hides no other. What is legal but likely to cost
// somebody money is a warning.
//
// A Config is plain data, read over Default. The package opens no log and
// calls nobody; the only other file it reads is the one with the API key.
package config

import (
	"maps"
	"slices"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// Config is one agent.toml. It is read-only and safe for concurrent use.
type Config struct {
	// File is the path as given to Load or Parse.
	File string
	// Instance names this agent for ever: it is a part of every identifier
	// that Stripe is told. 1 to 64 characters of [A-Za-z0-9._-].
	Instance string
	// StateDir is where the state lives, absolute.
	StateDir string
	// Source, Format and Meter are the tables by name. Format holds the format
	// of every source, also a built-in one.
	Source map[string]Source
	Format map[string]Format
	Meter  map[string]Meter
	// Customers says who is billed for a logged value.
	Customers Customers
	Stripe    Stripe
	Report    Report
	Admin     Admin

	lines    map[string]int // where each format comes from, by its name
	warnings Problems
}

// Source is one [source.NAME]: a log to follow.
type Source struct {
	Name string
	// Path is the log or a glob of logs, absolute.
	Path string
	// Format is a key of Config.Format.
	Format string
	// FromStart says that a log seen for the first time is read from its
	// beginning, not from its end.
	FromStart bool
	// CustomerPrefix stands before every customer that this source logs, so
	// that another source's customers of the same name are others.
	CustomerPrefix string
}

// Meter is one [meter.NAME]: what is counted, and its name at Stripe.
type Meter struct {
	agent.Meter
	// EventName is the meter's event_name at Stripe, 1 to 100 characters,
	// different for every meter.
	EventName string
}

// Customers is the table [customers].
type Customers struct {
	// Lookup says what a value that is neither in Map nor in File is: "id", a
	// Stripe customer's id, or "metadata:KEY", what a Stripe customer has under
	// that key.
	Lookup string
	// Map holds the Stripe customer, cus_…, of a logged value.
	Map map[string]string
	// File is a file of lines VALUE,cus_… for ReadCustomers, absolute; "" when
	// there is none.
	File string
	// Secret says that logged values are secrets and only a keyed hash of each
	// may be kept.
	Secret bool
	// Max is how many customers of one window are told apart.
	Max int
}

// Stripe is the table [stripe].
type Stripe struct {
	// Key is the API key, "" when there is none; it fits Live.
	Key Secret
	// KeyFrom says for people where Key comes from, "" when there is none.
	KeyFrom string
	// Live says that real money is billed.
	Live bool
	// ReadBudget is how many reads Stripe allows the account in a month.
	ReadBudget int
	// APIBase is the address of Stripe's API, without a slash at its end:
	// https, or http on this machine alone.
	APIBase string
}

// Report is the table [report].
type Report struct {
	// Settle is how long after its end a window is sealed, 0 to 1 h.
	Settle time.Duration
	// SendOnStop says that a daemon that is told to stop first sends what is
	// due; else it keeps it for the next start.
	SendOnStop bool
}

// stripeAPI is where Stripe's API lives.
const stripeAPI = "https://api.stripe.com"

// Default returns what an empty file means, except for the instance, which is
// then the host's name.
func Default() Config {
	return Config{
		StateDir:  "/var/lib/logmeter",
		Source:    map[string]Source{},
		Format:    map[string]Format{},
		Meter:     map[string]Meter{},
		Customers: Customers{Lookup: "id", Map: map[string]string{}, Max: 100_000},
		Stripe:    Stripe{APIBase: stripeAPI, ReadBudget: 10_000},
		Report:    Report{Settle: 3 * time.Minute},
	}
}

// Sources returns the sources sorted by name.
func (c *Config) Sources() []Source {
	sources := make([]Source, 0, len(c.Source))
	for _, name := range slices.Sorted(maps.Keys(c.Source)) {
		sources = append(sources, c.Source[name])
	}
	return sources
}

// Meters returns the rules of the meters sorted by name, as agent.NewMeters
// takes them.
func (c *Config) Meters() []agent.Meter {
	meters := make([]agent.Meter, 0, len(c.Meter))
	for _, name := range slices.Sorted(maps.Keys(c.Meter)) {
		meters = append(meters, c.Meter[name].Meter)
	}
	return meters
}

// EventNames returns the event_name of each meter by the meter's name.
func (c *Config) EventNames() map[string]string {
	names := make(map[string]string, len(c.Meter))
	for name, m := range c.Meter {
		names[name] = m.EventName
	}
	return names
}

// HasKey reports whether there is a Stripe key. Without one usage is counted
// and kept, and delivered once there is a key.
func (c *Config) HasKey() bool { return c.Stripe.Key != "" }

// Warnings returns, sorted by line and each with its file:line, what is legal
// and probably not meant.
func (c *Config) Warnings() []string { return c.warnings.texts() }
