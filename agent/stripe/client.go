package stripe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/billing/meterevent"
)

const (
	callTimeout = 20 * time.Second // one call, from dial to the answer's last byte
	dialTimeout = 5 * time.Second
	// idleConns is more than the calls that the report loop makes at once: a
	// connection that isn't kept costs a handshake for the next call.
	idleConns = 128
	// maxAnswer bounds an answer's bytes in memory. A hundred meters, the
	// longest answer that is asked for, take some 60 kB.
	maxAnswer = 4 << 20
)

// dialer makes every connection of this package. The tests give it a Control
// that refuses all but loopback.
var dialer = &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}

// connect sets the SDK up for this Biller alone: none of its process-wide
// state is used, it doesn't retry, reports no telemetry and logs nothing (its
// messages hold whole answers).
func (b *Biller) connect(key Secret, version string) {
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL: stripe.String(b.base),
		HTTPClient: &http.Client{
			Timeout:   callTimeout,
			Transport: newTransport(version, b.clock, &b.reach, func() { b.allotment.count(b.stripeTime()) }),
			// A redirect would carry the key and the body to another place.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		MaxNetworkRetries: stripe.Int64(0),
		EnableTelemetry:   stripe.Bool(false),
		LeveledLogger:     silent{},
	})
	b.events = &meterevent.Client{B: backend, Key: string(key)}
	b.call = func(method, path string, params stripe.ParamsContainer, v stripe.LastResponseSetter) error {
		return backend.Call(method, path, string(key), params, v)
	}
}

// silent is the SDK's logger.
type silent struct{}

func (silent) Debugf(string, ...any) {}
func (silent) Infof(string, ...any)  {}
func (silent) Warnf(string, ...any)  {}
func (silent) Errorf(string, ...any) {}

// exchange is what the transport saw of a call. The SDK's errors don't always
// tell it: a page of HTML in place of JSON leaves the status in a text only.
type exchange struct {
	left       atomic.Bool // a connection was had: bytes may have reached the server
	status     int         // 0 when no answer's head arrived
	requestID  string
	time       time.Time // Stripe's clock at the answer; zero when it isn't Stripe's
	retryAfter time.Duration
	replayed   bool
	limited    string // Stripe-Rate-Limited-Reason
}

type exchangeKey struct{}

// watch returns a context whose calls are recorded in the exchange. A later
// call overwrites an earlier one.
func watch(ctx context.Context) (context.Context, *exchange) {
	x := &exchange{}
	return context.WithValue(ctx, exchangeKey{}, x), x
}

// transport sits between the SDK and the network. One RoundTrip is at most one
// transmission, but for a read whose kept connection turns out to be closed.
type transport struct {
	base    http.RoundTripper
	version string
	clock   *clock
	reach   *reach
	read    func() // notes a read
}

func newTransport(version string, c *clock, r *reach, read func()) *transport {
	return &transport{
		// HTTP/1.1: a connection that breaks takes one answer with it, not
		// those of every call under way.
		base: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         dialer.DialContext,
			Protocols:           http1(),
			TLSHandshakeTimeout: dialTimeout,
			MaxIdleConnsPerHost: idleConns,
			IdleConnTimeout:     90 * time.Second,
		},
		version: version,
		clock:   c,
		reach:   r,
		read:    read,
	}
}

func http1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	x, ok := req.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		x = &exchange{}
	}
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { x.left.Store(true) }}
	if req.Method == http.MethodGet {
		trace.WroteHeaders = t.read
	}
	ctx := httptrace.WithClientTrace(req.Context(), trace)
	req = req.Clone(ctx)
	// The SDK puts the output of uname -a here, with the host's name.
	req.Header.Del("X-Stripe-Client-User-Agent")
	ua := req.Header.Get("User-Agent") + " logmeter"
	if t.version != "" {
		ua += "/" + t.version
	}
	req.Header.Set("User-Agent", ua)
	if err := fixBody(req); err != nil {
		return nil, err
	}
	resp, err := t.base.RoundTrip(req)
	if errors.Is(err, context.Canceled) {
		return nil, err // given up by the caller, which says nothing of Stripe
	}
	if err != nil {
		t.reach.failed(!x.left.Load())
		return nil, err
	}
	x.status = resp.StatusCode
	x.requestID = scrub(resp.Header.Get("Request-Id"))
	x.replayed = strings.EqualFold(resp.Header.Get("Idempotent-Replayed"), "true")
	x.limited = resp.Header.Get("Stripe-Rate-Limited-Reason")
	x.retryAfter = retryAfter(resp.Header.Get("Retry-After"))
	if fromStripe(resp) {
		t.reach.answered()
		x.time = t.clock.observe(resp.Header.Get("Date"))
	} else {
		t.reach.failed(false)
	}
	resp.Body = &boundedBody{resp.Body, maxAnswer}
	return resp, nil
}

// fromStripe tells an answer of Stripe from a page of a proxy in between, whose
// clock must not decide what may be sent.
func fromStripe(resp *http.Response) bool {
	return resp.Header.Get("Request-Id") != "" || resp.Header.Get("Stripe-Version") != "" ||
		strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json")
}

// fixBody gives the body a length, which the SDK doesn't, so that a server can
// tell a torn one. It leaves no way to rewind it: net/http would resend a
// request that has an Idempotency-Key when a reused connection breaks.
func fixBody(req *http.Request) error {
	if req.Body == nil {
		return nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return err
	}
	req.Body, req.GetBody, req.ContentLength = io.NopCloser(bytes.NewReader(body)), nil, int64(len(body))
	if len(body) == 0 {
		req.Body = http.NoBody
	}
	return nil
}

// retryAfter reads a Retry-After in seconds, at most an hour.
func retryAfter(value string) time.Duration {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, time.Hour)
}

var errLongAnswer = errors.New("the answer is longer than 4 MiB")

// boundedBody fails when more than left bytes are read.
type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return n, errLongAnswer
	}
	return n, err
}
