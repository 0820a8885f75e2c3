package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/config"
	"github.com/logmeter/logmeter/agent/stripe"
)

// customerKeyName is the file in state_dir with the key of the hashes that
// stand for secret customers. Without it the same customers have other names,
// and so other identifiers at Stripe: it belongs to the state.
const customerKeyName = "customer.key"

// customers is who the logged values are, as the configuration says and its
// file of customers says now. Its methods may be called from several
// goroutines.
type customers struct {
	c   config.Customers
	key []byte // nil: values aren't secrets
	log *slog.Logger
	// listed is the map of the configuration, with the hashes of its values.
	listed map[string]string

	mu      sync.Mutex // guards what follows
	file    map[string]string
	stamp   fileStamp
	checked time.Time
}

// fileStamp changes when a file does.
type fileStamp struct {
	size int64
	time time.Time
}

// lookAgain is how long the file of customers isn't looked at again.
const lookAgain = 5 * time.Second

// openCustomers reads what there is; log may be nil. mayMakeKey makes the key of secrets when
// there is none; else a missing one is replaced for this call alone, since
// nothing is kept.
func openCustomers(c *config.Config, log *slog.Logger, mayMakeKey bool) (*customers, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	cs := &customers{c: c.Customers, log: log}
	if c.Customers.Secret {
		var err error
		if cs.key, err = customerKey(c.StateDir, mayMakeKey); err != nil {
			return nil, failed(err)
		}
	}
	cs.listed = cs.named(c.Customers.Map)
	if err := cs.read(); err != nil {
		return nil, &failure{exitConfig, fmt.Errorf("customers.file: %w", err)}
	}
	return cs, nil
}

// The document that says which key names the secret customers of a state.
const customerKeyKind, customerKeyDoc = "customers", "key"

// bind ties the state to the key of secret customers. With another key every
// customer would get another name, and usage that is counted again could be
// billed twice.
func (cs *customers) bind(docs agent.Documents) error {
	if cs.key == nil {
		return nil
	}
	sum := sha256.Sum256(append([]byte("logmeter customer key "), cs.key...))
	is := sum[:8]
	kept, err := docs.Document(customerKeyKind, customerKeyDoc)
	switch {
	case err != nil:
		return failed(err)
	case kept == nil:
		return failed(docs.PutDocuments(customerKeyKind, []agent.Document{{Name: customerKeyDoc, Value: is}}))
	case !bytes.Equal(kept, is):
		return failed(fmt.Errorf("%s in state_dir isn't the key by which the customers of this state are named: they would all get other names, and usage that is counted again would be billed twice\n"+
			"  hint: bring back the file that was in state_dir; a backup of the state doesn't hold it", customerKeyName))
	}
	return nil
}

// naming says how the customers of a source are called.
func (cs *customers) naming(s config.Source) agent.Naming {
	return agent.Naming{Prefix: s.CustomerPrefix, Key: cs.key}
}

// options adds to the options of a biller who the customers are. docs keeps
// what was read of Stripe's own; it may be nil.
func (cs *customers) options(o stripe.Options, docs agent.Documents) stripe.Options {
	o.Customers = stripe.Customers{Lookup: cs.c.Lookup, Map: cs.listed}
	if cs.c.File != "" {
		o.Customers.More = cs.more
	}
	if cs.key != nil {
		o.Customers.Hash = agent.Naming{Key: cs.key}.Hash
	}
	o.Documents = docs
	return o
}

// named adds to a map of values the hashes of the values, when they are
// secrets.
func (cs *customers) named(values map[string]string) map[string]string {
	if cs.key == nil {
		return values
	}
	all := make(map[string]string, 2*len(values))
	for value, id := range values {
		all[value] = id
		all[agent.Naming{Key: cs.key}.Hash(value)] = id
	}
	return all
}

// known returns what tells the customers that the map or the file names, as it
// is now. A caller can't make more of them.
func (cs *customers) known() func(name []byte) bool {
	file := cs.more()
	return func(name []byte) bool {
		_, ok := cs.listed[string(name)]
		if !ok {
			_, ok = file[string(name)]
		}
		return ok
	}
}

// more returns what the file of customers says. When it changed for the worse,
// what it said before still holds.
func (cs *customers) more() map[string]string {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	now := time.Now()
	if age := now.Sub(cs.checked); age >= 0 && age < lookAgain {
		return cs.file
	}
	cs.checked = now
	before := cs.stamp
	if err := cs.read(); err != nil && cs.stamp != before {
		cs.log.Error("the file of customers can't be used; what it said before still holds", "reason", err)
	} else if err == nil && cs.stamp != before {
		cs.log.Info("the file of customers was read again", "file", cs.c.File, "customers", len(cs.file))
	}
	return cs.file
}

// read reads the file if it isn't as it was.
func (cs *customers) read() error {
	if cs.c.File == "" {
		return nil
	}
	f, err := os.Open(cs.c.File)
	if err != nil {
		cs.stamp = fileStamp{size: -1}
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	stamp := fileStamp{info.Size(), info.ModTime()}
	if stamp == cs.stamp {
		return nil
	}
	cs.stamp = stamp
	file, err := config.ReadCustomers(cs.c.File, f)
	if err != nil {
		return err
	}
	cs.file = cs.named(file)
	return nil
}

// customerKey reads the key of secrets, or makes one.
func customerKey(dir string, mayMake bool) ([]byte, error) {
	path := filepath.Join(dir, customerKeyName)
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		key, err := hex.DecodeString(string(bytes.TrimSpace(text)))
		if err != nil || len(key) != 32 {
			return nil, fmt.Errorf("%s isn't a key of 64 hexadecimal digits; restore it from the copy that was saved with the state", path)
		}
		return key, nil
	case !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("read the key of secret customers: %w", err)
	}
	key := make([]byte, 32)
	rand.Read(key)
	if !mayMake {
		return key, nil
	}
	if err := writeKey(dir, path, key); err != nil {
		return nil, fmt.Errorf("make the key of secret customers: %w", err)
	}
	return key, nil
}

// writeKey stores the key so that it is there whole or not at all: a key that
// is used and then lost would give every customer another name.
func writeKey(dir, path string, key []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, customerKeyName+".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err // also when another process was first
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
