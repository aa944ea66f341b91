package httpget

import (
	"bufio"
	"io"
	"strings"
)

// The status codes that are answered, and gone for a client that is.
const (
	gone                = 0
	ok                  = 200
	badRequest          = 400
	notFound            = 404
	methodNotAllowed    = 405
	requestTimeout      = 408
	headerTooLarge      = 431
	versionNotSupported = 505
)

// reason is a status in words, empty for one that is never answered.
func reason(status int) string {
	switch status {
	case ok:
		return "OK"
	case badRequest:
		return "Bad Request"
	case notFound:
		return "Not Found"
	case methodNotAllowed:
		return "Method Not Allowed"
	case requestTimeout:
		return "Request Timeout"
	case headerTooLarge:
		return "Request Header Fields Too Large"
	case versionNotSupported:
		return "HTTP Version Not Supported"
	}
	return ""
}

// request is what is used of one.
type request struct {
	method string
	path   string // without the query
}

// readRequest reads the head of a request; a body is left unread. The status
// is ok, what is to be answered to a request that is none, or gone.
func readRequest(c io.Reader) (request, int) {
	limited := &io.LimitedReader{R: c, N: maxHead}
	r := bufio.NewReaderSize(limited, 1024)
	line, status := readLine(r, limited)
	if status == ok && line == "" { // one empty line before is borne (RFC 9112, 2.2)
		line, status = readLine(r, limited)
	}
	if status != ok {
		return request{}, status
	}
	got, version, status := parseRequestLine(line)
	if status != ok {
		return got, status
	}
	hosts := 0
	for {
		line, status := readLine(r, limited)
		if status != ok {
			return got, status
		}
		if line == "" {
			break
		}
		name, _, found := strings.Cut(line, ":")
		if !found || !isToken(name) { // a line that goes on the one before is refused too
			return got, badRequest
		}
		if strings.EqualFold(name, "Host") {
			hosts++
		}
	}
	if hosts > 1 || hosts == 0 && version != "HTTP/1.0" { // RFC 9112, 3.2
		return got, badRequest
	}
	return got, ok
}

// readLine reads a line without its end.
func readLine(r *bufio.Reader, limited *io.LimitedReader) (string, int) {
	line, err := r.ReadString('\n')
	switch {
	case err == nil:
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if strings.ContainsFunc(line, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
			return "", badRequest
		}
		return line, ok
	case limited.N <= 0:
		return "", headerTooLarge
	case err == io.EOF && line != "":
		return "", badRequest
	case isTimeout(err):
		return "", requestTimeout
	}
	return "", gone
}

func isTimeout(err error) bool {
	t, is := err.(interface{ Timeout() bool })
	return is && t.Timeout()
}

// parseRequestLine takes "GET /metrics HTTP/1.1" apart.
func parseRequestLine(line string) (r request, version string, status int) {
	words := strings.Split(line, " ")
	if len(words) != 3 || !isToken(words[0]) {
		return r, "", badRequest
	}
	method, target, version := words[0], words[1], words[2]
	if !strings.HasPrefix(version, "HTTP/") {
		return r, "", badRequest
	}
	if minor := strings.TrimPrefix(version, "HTTP/1."); len(minor) != 1 || minor[0] < '0' || minor[0] > '9' {
		return r, "", versionNotSupported
	}
	// A proxy's form has the server before the path, and is to be understood.
	if rest, found := strings.CutPrefix(target, "http://"); found {
		if i := strings.IndexAny(rest, "/?"); i < 0 {
			target = "/"
		} else if target = rest[i:]; target[0] == '?' {
			target = "/" + target
		}
	}
	if !strings.HasPrefix(target, "/") {
		return r, "", badRequest
	}
	path, _, _ := strings.Cut(target, "?")
	return request{method, path}, version, ok
}

// isToken: a method's or a header's name (RFC 9110, 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
