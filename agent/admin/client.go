package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"os"
)

// Client asks a Server, in this process or another.
type Client struct{ http http.Client }

// Dial returns a client of the server that listens on the socket in dir. It
// connects with the first call.
func Dial(dir string) *Client {
	return &Client{http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dialSocket(ctx, dir) },
	}}}
}

// Direct returns a client of a handler in this process. What it asks is done as
// by the user with the given name.
func Direct(h http.Handler, by string) *Client {
	return &Client{http.Client{Transport: &direct{h, by}}}
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Reach reports whether a server listens on the socket in dir.
func Reach(ctx context.Context, dir string) error {
	conn, err := dialSocket(ctx, dir)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Status returns how things stand.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	var st Status
	return &st, c.get(ctx, "/v1/status", nil, &st)
}

// Usage yields the rows of usage that q picks, hour by hour.
func (c *Client) Usage(ctx context.Context, q UsageQuery) iter.Seq2[UsageRow, error] {
	return rows[UsageRow](ctx, c, http.MethodGet, "/v1/usage", q.values(), nil, nil)
}

// Accounting yields where the lines of each source and hour of a range went.
func (c *Client) Accounting(ctx context.Context, r Range) iter.Seq2[AccountingRow, error] {
	v := url.Values{}
	r.put(v)
	return rows[AccountingRow](ctx, c, http.MethodGet, "/v1/accounting", v, nil, nil)
}

// Entries yields the entries that q picks, the oldest window first.
func (c *Client) Entries(ctx context.Context, q EntryQuery) iter.Seq2[Entry, error] {
	return rows[Entry](ctx, c, http.MethodGet, "/v1/outbox", q.values(), nil, nil)
}

// Entry returns an entry of the outbox or the ledger by its identifier, or by
// 8 or more characters of its beginning that no other one has.
func (c *Client) Entry(ctx context.Context, ref string) (*EntryDetails, error) {
	var e EntryDetails
	return &e, c.get(ctx, "/v1/entries/"+url.PathEscape(ref), nil, &e)
}

// Decide does an action ("release", "confirm" or "write-off") to entries. All
// of them are changed or none.
func (c *Client) Decide(ctx context.Context, action string, q DecideRequest) ([]Entry, error) {
	var a DecideAnswer
	err := c.post(ctx, "/v1/outbox/"+action, q, &a)
	return a.Entries, err
}

// Verify reads what Stripe has of entries now, one after the other. A held one
// that is there is settled.
func (c *Client) Verify(ctx context.Context, refs []string) iter.Seq2[Verified, error] {
	return rows[Verified](ctx, c, http.MethodPost, "/v1/outbox/verify", nil, DecideRequest{Entries: refs}, nil)
}

// Adjust makes an entry that adds usage to an hour or takes it back.
func (c *Client) Adjust(ctx context.Context, q AdjustRequest) (*Entry, error) {
	var e Entry
	return &e, c.post(ctx, "/v1/adjust", q, &e)
}

// Reconcile compares a range of the ledger with Stripe's summaries; progress
// hears how far that has come.
func (c *Client) Reconcile(ctx context.Context, r Range, progress func(Note)) iter.Seq2[ReconcileRow, error] {
	v := url.Values{}
	r.put(v)
	return rows[ReconcileRow](ctx, c, http.MethodPost, "/v1/reconcile", v, nil, progress)
}

// Refused yields the refused lines that are kept, of one source or of all.
func (c *Client) Refused(ctx context.Context, source string) iter.Seq2[Refused, error] {
	v := url.Values{}
	set(v, "source", source)
	return rows[Refused](ctx, c, http.MethodGet, "/v1/refused", v, nil, nil)
}

// Replay reads refused lines again and counts those that can be read now.
func (c *Client) Replay(ctx context.Context, q ReplayRequest) (*ReplayAnswer, error) {
	var a ReplayAnswer
	return &a, c.post(ctx, "/v1/refused/replay", q, &a)
}

// Backup writes a backup of the state to w. After an error what was written is
// of no use.
func (c *Client) Backup(ctx context.Context, w io.Writer) error {
	res, err := c.do(ctx, http.MethodGet, "/v1/backup", nil, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(w, res.Body)
	return err
}

// do makes a call; an answer that isn't 200 is an error.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(b)
	}
	u := url.URL{Scheme: "http", Host: "logmeter", RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), in)
	if err != nil {
		return nil, err
	}
	if sudo := os.Getenv("SUDO_USER"); sudo != "" {
		req.Header.Set(sudoHeader, sudo)
	}
	req.URL.Path, _ = url.PathUnescape(path)
	req.URL.RawPath = path
	res, err := c.http.Do(req)
	if err != nil {
		var call *url.Error
		if errors.As(err, &call) {
			err = call.Err // its address says nothing to a person
		}
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	var p problem
	if json.Unmarshal(text, &p) != nil || p.Error == "" {
		return nil, fmt.Errorf("the agent answers %s; is it of another version?", res.Status)
	}
	return nil, errors.New(p.Error)
}

// get reads one JSON object.
func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	res, err := c.do(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return json.NewDecoder(res.Body).Decode(into)
}

// post sends one JSON object and reads another.
func (c *Client) post(ctx context.Context, path string, body, into any) error {
	res, err := c.do(ctx, http.MethodPost, path, nil, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return json.NewDecoder(res.Body).Decode(into)
}

// errCut is an answer without its last line.
var errCut = errors.New("the answer was cut short: the agent stopped, or its disk can't be read")

// rows yields the rows of a stream; note, when it isn't nil, hears the notes.
func rows[T any](ctx context.Context, c *Client, method, path string, query url.Values, body any, note func(Note)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		res, err := c.do(ctx, method, path, query, body)
		if err != nil {
			yield(zero, err)
			return
		}
		defer res.Body.Close()
		for in := json.NewDecoder(bufio.NewReader(res.Body)); ; {
			var l line[T]
			switch err := in.Decode(&l); {
			case ctx.Err() != nil:
				yield(zero, ctx.Err())
				return
			case err != nil:
				yield(zero, errCut)
				return
			case l.Error != "":
				yield(zero, errors.New(l.Error))
				return
			case l.End:
				return
			case l.Note != nil && note != nil:
				note(*l.Note)
			case l.Row != nil:
				if !yield(*l.Row, nil) {
					return
				}
			}
		}
	}
}
