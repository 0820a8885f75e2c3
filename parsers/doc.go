// Package parsers turns a pasted log format into a parser of its lines: nginx's
// log_format, Envoy's text_format and json_format, other lines of JSON, each
// perhaps wrapped by a container runtime or syslog.
//
// Its one idea is that a line of a text format is a template filled in, and
// that everything a variable can print is known: a status is three digits, a
// header never holds a quote that isn't escaped. Compile gives each variable
// the set of strings it can print, proves that what billing needs can be read
// from a line in one way only, and derives cuts of which every one is forced.
// A format for which that fails is refused, with a line that shows why: a
// caller could move his bill to someone else by what he writes in a header.
//
// The package reads no files and knows no rules of billing. A line that isn't
// of the format is refused, never guessed at.
package parsers
