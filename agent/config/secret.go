package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is text that is never printed: formatted, logged or encoded it is
// "***". Convert it to a string where it is used.
type Secret string

const hidden = "***"

// String returns "***".
func (Secret) String() string { return hidden }

// GoString returns "***".
func (Secret) GoString() string { return hidden }

// Format prints "***", also under a verb that doesn't fit a string: there fmt
// would show the text without asking String.
func (Secret) Format(w fmt.State, _ rune) { io.WriteString(w, hidden) }

// MarshalText returns "***".
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue returns "***".
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
