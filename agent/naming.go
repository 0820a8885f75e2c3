package agent

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// Naming says how a logged customer is called from then on.
type Naming struct {
	// Prefix stands before the logged value, so that a source can have
	// customers of its own.
	Prefix string
	// Key, when it isn't empty, makes the customer a keyed hash of prefix and
	// value: what was logged is a secret, and isn't kept anywhere.
	Key []byte
}

// hashPrefix tells the hash of a customer from a value as logged.
const hashPrefix = "h-"

// Hash returns what the value is called.
func (n Naming) Hash(value string) string {
	return string(n.namer(nil).name([]byte(value)))
}

// Parser returns p with the customers of its records renamed. It allocates
// nothing per line either.
func (n Naming) Parser(p Parser) Parser {
	if n.Prefix == "" && len(n.Key) == 0 {
		return p
	}
	return n.namer(p)
}

func (n Naming) namer(p Parser) *namer {
	r := &namer{parser: p, prefix: n.Prefix}
	if len(n.Key) > 0 {
		r.mac = hmac.New(sha256.New, n.Key)
	}
	return r
}

// namer is a Parser that renames customers.
type namer struct {
	parser   Parser
	prefix   string
	mac      hash.Hash // nil: not hashed
	buf, sum []byte
}

func (r *namer) Parse(line []byte, rec *Record) error {
	if err := r.parser.Parse(line, rec); err != nil {
		return err
	}
	if len(rec.Customer) > 0 {
		rec.Customer = r.name(rec.Customer)
	}
	return nil
}

// name returns the customer's name, valid until its next call. Of the hash
// 128 bits are kept: nobody finds two values with the same.
func (r *namer) name(value []byte) []byte {
	r.buf = append(append(r.buf[:0], r.prefix...), value...)
	if r.mac == nil {
		return r.buf
	}
	r.mac.Reset()
	r.mac.Write(r.buf)
	r.sum = r.mac.Sum(r.sum[:0])
	r.buf = hex.AppendEncode(append(r.buf[:0], hashPrefix...), r.sum[:16])
	return r.buf
}

// secret reports whether the lines of a parser hold customers that aren't to
// be kept.
func secret(p Parser) bool {
	r, ok := p.(*namer)
	return ok && r.mac != nil
}
