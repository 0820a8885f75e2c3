// Package parsers turns a pasted log format into a parser of its lines: the
// log_format directive of nginx, Envoy's text and JSON formats, lines of JSON.
//
// Its one idea is that a line of a text format is a template filled in, and
// that everything a variable can print is known: a status is three digits, a
// header never holds a quote that isn't escaped. Compile gives each variable
// the set of strings it can print and derives a way to cut the line in which
// every step is forced: no reading of the line that obeys the format can cut
// elsewhere. A format for which there is none is refused, because a caller
// could then move his bill to someone else by what he writes in a header.
//
// The package reads no files and knows no rules of billing. A line that isn't
// of the format is refused, never guessed at.
package parsers
