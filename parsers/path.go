package parsers

import "bytes"

// NormalizeNginx appends to dst the path by which nginx chooses a location for
// a request target, as sent (merge_slashes is on by default): scheme and host
// dropped, cut at the first ? or #, percent-decoded once, dot segments
// resolved, slashes merged. It reports false, with dst as it was, for a target
// that no version of nginx routes. A target with a raw blank or control byte
// was routed until nginx 1.21.1 and is answered 400 since.
func NormalizeNginx(dst, target []byte) ([]byte, bool) {
	rest, ok := dropOrigin(target)
	if !ok {
		return dst, false
	}
	base := len(dst)
	dst = append(dst, '/')
	segment := len(dst) // where the segment being written begins
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		switch c {
		case 0, '\r', '\n':
			return dst[:base], false
		case '?', '#':
			rest = rest[:i]
			continue
		case '%':
			if i+2 >= len(rest) {
				return dst[:base], false
			}
			hi, lo := anyHex(rest[i+1]), anyHex(rest[i+2])
			c = hi<<4 | lo
			if hi > 15 || lo > 15 || c == 0 {
				return dst[:base], false
			}
			i += 2
		}
		if c != '/' { // %2F separates segments as well
			dst = append(dst, c)
			continue
		}
		if dst, ok = closeSegment(dst, base, segment); !ok {
			return dst[:base], false
		}
		if dst[len(dst)-1] != '/' {
			dst = append(dst, '/')
		}
		segment = len(dst)
	}
	if dst, ok = closeSegment(dst, base, segment); !ok {
		return dst[:base], false
	}
	return dst, true
}

// closeSegment resolves the last segment of dst when it is . or ..; the path
// in dst begins at base. It reports false for a .. above the root.
func closeSegment(dst []byte, base, segment int) ([]byte, bool) {
	switch string(dst[segment:]) {
	case ".":
		return dst[:segment], true
	case "..":
		if segment == base+1 {
			return dst, false
		}
		parent := bytes.LastIndexByte(dst[base:segment-1], '/')
		return dst[:base+parent+1], true
	}
	return dst, true
}

// dropOrigin returns the target from its path on, of which the leading slash
// may be missing when the target is scheme://host alone or goes on with a
// query. It reports false when the target is neither that nor a path.
func dropOrigin(target []byte) ([]byte, bool) {
	if len(target) == 0 {
		return nil, false
	}
	if target[0] == '/' || target[0] == '?' {
		// $request_uri of an absolute target without a path begins with ?.
		return target, true
	}
	scheme, rest, found := bytes.Cut(target, []byte("://"))
	if !found || len(scheme) == 0 || !isLetter(scheme[0]) {
		return nil, false
	}
	for _, c := range scheme {
		if !isLetter(c) && !isDigit(c) && c != '+' && c != '-' && c != '.' {
			return nil, false
		}
	}
	end := bytes.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if !isAuthority(rest[:end]) || end < len(rest) && rest[end] == '#' {
		return nil, false
	}
	return rest[end:], true
}

// isAuthority reports whether nginx takes host as that of an absolute target.
func isAuthority(host []byte) bool {
	if i := bytes.LastIndexByte(host, ':'); i >= 0 && bytes.IndexByte(host[i:], ']') < 0 {
		for _, c := range host[i+1:] {
			if !isDigit(c) {
				return false
			}
		}
		host = host[:i]
	}
	if bytes.Contains(host, []byte("..")) {
		return false // ngx_http_validate_host
	}
	if len(host) == 0 {
		return false
	}
	literal := host[0] == '['
	if literal {
		if len(host) < 3 || host[len(host)-1] != ']' {
			return false
		}
		host = host[1 : len(host)-1]
	}
	for _, c := range host {
		ok := isLetter(c) || isDigit(c) || c == '.' || c == '-' ||
			literal && bytes.IndexByte([]byte(":_~!$&'()*+,;="), c) >= 0
		if !ok {
			return false
		}
	}
	return true
}

// plainPath returns how long the path of target is when it is normalised as
// it stands, else -1.
func plainPath(target []byte) int {
	if len(target) == 0 || target[0] != '/' {
		return -1
	}
	slash := false
	for i, c := range target {
		switch pathBytes[c] {
		case pathOrdinary:
			slash = false
		case pathSlash:
			if slash {
				return -1
			}
			slash = true
		case pathDot:
			if slash {
				return -1
			}
		case pathEnd:
			return i
		case pathOdd:
			return -1
		}
	}
	return len(target)
}

// The kinds of bytes that plainPath tells apart.
const (
	pathOrdinary = iota
	pathSlash
	pathDot
	pathEnd
	pathOdd
)

var pathBytes = [256]uint8{'/': pathSlash, '.': pathDot, '?': pathEnd, '#': pathEnd, '%': pathOdd, 0: pathOdd, '\r': pathOdd, '\n': pathOdd}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// anyHex returns the value of a hexadecimal digit of either case, or 255.
func anyHex(c byte) byte {
	switch {
	case isDigit(c):
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
