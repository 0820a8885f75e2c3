package checkpoint

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
)

// A backup is this text, then every key and value with their lengths before
// them, meta last, then a zero, the number of keys and a CRC-32C of all before.
const backupMagic = "logmeter backup 1\n"

// maxBackupItem bounds what Restore takes as a length.
const maxBackupItem = 1 << 20

// Backup writes all of the state as it is now to w, while commits go on. What
// is restored from it later is behind: its lines are counted again from the
// logs as far as these are still there, and its entries keep their identifiers.
func (s *Store) Backup(w io.Writer) error {
	v, err := s.view()
	if err != nil {
		return err
	}
	defer s.done(v)
	sum := crc32.New(castagnoli)
	buf := bufio.NewWriter(w)
	out := io.MultiWriter(buf, sum)
	keys, err := v.writeAll(out, s.meta.id)
	if err == nil {
		_, err = out.Write(binary.AppendUvarint([]byte{0}, keys))
	}
	if err == nil {
		_, err = buf.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	}
	if err == nil {
		err = buf.Flush()
	}
	if err != nil {
		return fmt.Errorf("back up the state: %w", err)
	}
	return nil
}

func (v view) writeAll(out io.Writer, id stateID) (keys uint64, err error) {
	if _, err := io.WriteString(out, backupMagic); err != nil {
		return 0, err
	}
	write := func(item *badger.Item) error {
		value, err := item.ValueCopy(nil)
		if err != nil {
			return err
		}
		if _, err := openEnvelope(id, item.Key(), value); err != nil {
			return err
		}
		keys++
		_, err = out.Write(appendString(appendString(nil, item.Key()), value))
		return err
	}
	it := v.iterator(nil)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		if it.Item().Key()[0] == prefixMeta {
			continue
		}
		if err := write(it.Item()); err != nil {
			return keys, err
		}
	}
	meta, err := v.t.Get(metaKey())
	if err != nil {
		return keys, err
	}
	return keys, write(meta)
}

// Restore makes the state of a backup in dir, where there must be none. When
// it fails, what it made is removed.
func Restore(dir string, r io.Reader) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("restore the state: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer unlock(lock)
	dbDir := filepath.Join(dir, databaseName)
	for _, path := range []string{dbDir, filepath.Join(dir, sentinelName)} {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("restore the state: %s is there already\n  hint: give an empty directory", path)
		} else if !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("restore the state: %w", err)
		}
	}
	// Until meta is there, which comes last, Open refuses what is in dbDir.
	if err := restore(dir, r); err != nil {
		return fmt.Errorf("restore the state: %w", errors.Join(err, os.RemoveAll(dbDir)))
	}
	return nil
}

func restore(dir string, r io.Reader) (err error) {
	s := &Store{dir: dir, minFree: 4 * memTableBytes}
	if s.db, err = openDatabase(dir, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	defer func() {
		if cerr := s.db.Close(); err == nil {
			err = cerr
		}
	}()
	in := &summed{r: bufio.NewReader(r)}
	magic := make([]byte, len(backupMagic))
	if _, err := io.ReadFull(in, magic); err != nil || string(magic) != backupMagic {
		return errors.New("this isn't a backup of logmeter")
	}
	t := s.begin()
	defer func() { t.discard() }()
	for keys := uint64(0); ; keys++ {
		key, err := in.item()
		if err != nil {
			return err
		}
		if len(key) == 0 {
			if err := in.end(keys); err != nil {
				return err
			}
			return t.commit()
		}
		value, err := in.item()
		if err != nil {
			return err
		}
		if t.full() {
			if err := s.space(txnBytes); err != nil {
				return err
			}
			if err := t.flush(); err != nil {
				return err
			}
			if s.db.Levels()[0].NumTables >= forceTables {
				if err := s.flatten(); err != nil {
					return err
				}
			}
		}
		t.note(len(key)+len(value), t.t.Set(key, value))
	}
}

// summed reads a backup and sums what it reads.
type summed struct {
	r   *bufio.Reader
	sum uint32
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.sum = crc32.Update(s.sum, castagnoli, p[:n])
	return n, err
}

func (s *summed) ReadByte() (byte, error) {
	c, err := s.r.ReadByte()
	if err == nil {
		s.sum = crc32.Update(s.sum, castagnoli, []byte{c})
	}
	return c, err
}

func (s *summed) item() ([]byte, error) {
	n, err := binary.ReadUvarint(s)
	if err != nil || n > maxBackupItem {
		return nil, errTornBackup
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(s, b); err != nil {
		return nil, errTornBackup
	}
	return b, nil
}

// end reads what follows the last key.
func (s *summed) end(keys uint64) error {
	n, err := binary.ReadUvarint(s)
	if err != nil || n != keys {
		return errTornBackup
	}
	var sum [4]byte
	if _, err := io.ReadFull(s.r, sum[:]); err != nil || binary.LittleEndian.Uint32(sum[:]) != s.sum {
		return errTornBackup
	}
	return nil
}

var errTornBackup = fmt.Errorf("%w: the backup is cut short, or isn't as it was written", ErrDamaged)
