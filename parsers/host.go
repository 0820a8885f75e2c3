package parsers

import "bytes"

// hostOf returns the host of a Host header or :authority as rules compare it,
// in lower case, without a port and without the dot that may end a full name;
// nil when there is none. It returns buf too, where it writes the host when
// that isn't in lower case already; host may be in buf.
func hostOf(host, buf []byte) (name, memory []byte) {
	if i := bytes.LastIndexByte(host, ':'); i >= 0 && isPort(host, i) {
		host = host[:i]
	}
	host = bytes.TrimSuffix(host, []byte{'.'})
	if isAbsent(host) {
		return nil, buf
	}
	for i, c := range host {
		if c >= 'A' && c <= 'Z' {
			return lower(host, i, buf)
		}
	}
	return host, buf
}

// isPort reports whether a port, or an empty one, begins behind the colon at i.
// In an address of IPv6 it does so behind the bracket alone.
func isPort(host []byte, i int) bool {
	for _, c := range host[i+1:] {
		if !isDigit(c) {
			return false
		}
	}
	if host[0] == '[' {
		return host[i-1] == ']'
	}
	return bytes.IndexByte(host, ':') == i
}

// lower writes host, whose first n bytes have no capital, into buf.
func lower(host []byte, n int, buf []byte) (name, memory []byte) {
	if len(buf) < len(host) || &buf[0] != &host[0] {
		buf = append(buf[:0], host...)
	}
	buf = buf[:len(host)]
	for i := n; i < len(buf); i++ {
		if c := buf[i]; c >= 'A' && c <= 'Z' {
			buf[i] = c | 0x20
		}
	}
	return buf, buf
}
