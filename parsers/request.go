package parsers

import "bytes"

// splitRequest cuts a request line as nginx received it, METHOD SP+ TARGET
// [SP+ HTTP/d.d] SP*, as every version of nginx reads it that serves it. ok is
// false when none does. The status tells the rest: nginx logs what it refused
// the same way.
func splitRequest(line []byte, status int) (method, target []byte, ok bool) {
	i := bytes.IndexByte(line, ' ')
	if i <= 0 || !isMethod(line[:i]) {
		return nil, nil, false
	}
	method = line[:i]
	if n := len(line) - len(" HTTP/1.1"); n > i+1 && string(line[n:]) == " HTTP/1.1" && line[i+1] != ' ' && line[n-1] != ' ' {
		target = line[i+1 : n] // as nearly all are
		return method, target, servedTarget(target, status)
	}
	line = bytes.TrimRight(line, " ")
	target = bytes.TrimLeft(line[min(i, len(line)):], " ")
	if j := bytes.LastIndexByte(target, ' '); j >= 0 && isProtocol(target[j+1:], status) {
		target = bytes.TrimRight(target[:j], " ")
	} else if string(method) != "GET" || refusedLine(status) {
		// HTTP/0.9 knows GET alone. With such a status the line was cut off.
		return nil, nil, false
	}
	return method, target, len(target) > 0 && servedTarget(target, status)
}

// isMethod reports whether nginx takes m as a request method.
func isMethod(m []byte) bool {
	for _, c := range m {
		if (c < 'A' || c > 'Z') && c != '_' && c != '-' {
			return false
		}
	}
	return len(m) > 0
}

// isProtocol reports whether nginx serves requests that name the protocol p.
func isProtocol(p []byte, status int) bool {
	if len(p) < 8 || string(p[:5]) != "HTTP/" || p[6] != '.' || !isDigit(p[7]) {
		return false
	}
	switch p[5] {
	case '1':
		return len(p) == 8 || len(p) == 9 && isDigit(p[8])
	case '2', '3':
		// In a line of HTTP/1 this is answered 505.
		return len(p) == 8 && p[7] == '0' && status != 505
	}
	return false
}

// servedTarget is false for a target that nginx refused with this status
// because of a raw blank or control byte. Before 1.21.1 it served those, so
// such a target can't be called malformed whatever the status.
func servedTarget(target []byte, status int) bool {
	if status != 400 {
		return true
	}
	for _, c := range target {
		if c <= ' ' || c == 0x7F {
			return false
		}
	}
	return true
}

// refusedLine reports whether the status is one with which nginx answers a
// request line that isn't complete, or of a protocol that it doesn't speak.
func refusedLine(status int) bool {
	return status == 400 || status == 408 || status == 414 || status == 505
}

// parseStatus reads a status as the format prints it. nginx prints three
// digits always; others print a number, in some versions with a fraction of
// zero, and 0 or nothing when no response started.
func (f *Format) parseStatus(b []byte) (int, bool) {
	if f.json != nil || f.envoy {
		if isAbsent(b) || len(b) == 1 && b[0] == '0' {
			return 0, b != nil || f.envoy
		}
		b = bytes.TrimSuffix(b, []byte(".0"))
	}
	if len(b) != 3 || !isDigit(b[0]) || !isDigit(b[1]) || !isDigit(b[2]) {
		return 0, false
	}
	return int(b[0]-'0')*100 + int(b[1]-'0')*10 + int(b[2]-'0'), true
}
