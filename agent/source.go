package agent

import (
	"context"
	"time"
)

// Source is one configured log path as one perpetual stream of lines, through
// every rotation. A Source serves one goroutine.
type Source interface {
	// Name returns the source's name in the configuration.
	Name() string
	// Next returns the next block of complete lines. When there is nothing new
	// it waits at most wait, then returns a block without lines; it returns
	// early when ctx ends. An error means that the source can't go on at all
	// and that the process should end; a log that is absent or unreadable for
	// now is no error, only a block without lines.
	Next(ctx context.Context, wait time.Duration) (Block, error)
	// Positions returns every position that changed since Positions was last
	// called, each behind the blocks that Next has returned so far. They are
	// to be committed together with what was counted in those blocks.
	Positions() []Position
	// Stats says what the source has met so far. What it returns is the
	// caller's to keep: nothing in it changes later.
	Stats() SourceStats
	// Close releases the open files. It is idempotent.
	Close() error
}

// Block is a run of whole lines from one file.
type Block struct {
	// Lines holds the raw bytes, each line with its line end. It is valid
	// until the next call of Next.
	Lines []byte
	// Path is the file's name when it was last looked up, for messages.
	Path string
	// Offset is where in the file Lines starts, in bytes. In a compressed file
	// it counts uncompressed bytes.
	Offset int64
	// TooLong counts lines that were skipped before this block because they
	// are longer than the source reads; they count as refused.
	TooLong int
	// ReadTo is set when every file of the source was read to its end: all
	// that was in the logs at this instant, as told by the clock that the
	// source was built with, has been returned by now, this block included.
	// It is zero when there may be more, or when a log can't be read.
	ReadTo time.Time
}

// Position is how far one file of a source has been counted, with what finds
// that file again after a rename, a restart or a restore. The source writes
// and reads it; the store keeps it in the same transaction as the counts.
type Position struct {
	// ID names this stream of log content within its source, for ever.
	ID uint64
	// Path is where the content was last seen.
	Path string
	// Device, Inode and Birth (nanoseconds since the Unix epoch, 0 when the
	// file system doesn't tell) are the identity of the file it was last seen
	// in. Device may change over a reboot.
	Device, Inode uint64
	Birth         int64
	// Offset is the end of the last counted line, in bytes from the start.
	Offset int64
	// Head holds the first min(Offset, 1024) bytes of the content, and Mark
	// the last min(Offset, 1024) bytes before Offset. A file is this content
	// only if it has both.
	Head, Mark []byte
	// Past holds earlier ends of counted lines, the oldest first. A log that
	// lost its end in a power cut, and has grown again since, is taken up at
	// the newest of them that it still has.
	Past []Place
	// Done says that the content is complete and counted: its file was final.
	Done bool
	// Finished is when, in Unix seconds by this machine's clock, the position
	// came to rest: Done was set, or its file couldn't be found any more. 0
	// while neither is so, or when that isn't known.
	Finished int64
	// Gone says that the position isn't needed any more: a commit deletes it
	// instead of storing it.
	Gone bool
}

// Place is an earlier Offset of a Position, with a checksum of the content
// just before it.
type Place struct {
	Offset int64
	Sum    uint64
}
