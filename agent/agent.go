// Package agent is the core of logmeter: the vocabulary of metering, the pure
// counting, and the two loops that carry usage from an access log to Stripe.
//
// Its one idea is that the durable store is the queue. The ingest loop reads
// lines, counts them in memory and commits the counts together with the place
// that it read up to; the report loop turns closed hours into outbox entries
// and delivers those. The loops share nothing but the Store.
//
// The package imports the standard library only. Everything that touches the
// outside (log files, log formats, the database, Stripe) stands behind one of
// four interfaces, Source, Parser, Store and Biller, each implemented in a
// package of its own that imports this one. Time is an argument everywhere.
package agent
