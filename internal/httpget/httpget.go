// Package httpget serves a few pages by HTTP/1.1 (RFC 9110, RFC 9112): GET and
// HEAD, each request on a connection of its own, plain text back. It is for
// programs that must start fast: importing net/http costs a third of a
// millisecond at each start.
package httpget

import (
	"io"
	"net"
	"strconv"
	"time"
)

// Bounds on a client, so that none can hurt: one that is slow is cut off.
const (
	maxHead     = 8 << 10          // bytes of a request's head
	headHurry   = 5 * time.Second  // for the head
	answerHurry = 10 * time.Second // for the answer
	lingerHurry = time.Second      // see linger
)

// Page makes the content of a page at each request.
type Page func() (contentType string, body []byte)

// Pages are what there is, by their paths.
type Pages map[string]Page

// Answer answers the one request of a client; its connection is the caller's to close.
func (p Pages) Answer(c net.Conn) { p.answer(c, headHurry) }

func (p Pages) answer(c net.Conn, hurry time.Duration) {
	_ = c.SetReadDeadline(time.Now().Add(hurry))
	r, status := readRequest(c)
	if status == gone {
		return
	}
	_ = c.SetWriteDeadline(time.Now().Add(answerHurry))
	answer := p.respond(r, status)
	if _, err := answer.WriteTo(c); err == nil {
		linger(c)
	}
}

// linger ends a connection so that the answer arrives: closing one with bytes
// that were not read, of a body for one, makes the kernel reset it, and the
// client may lose the answer (RFC 9112, 9.6).
func linger(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(lingerHurry))
		_, _ = io.CopyN(io.Discard, c, 64<<10)
	}
}

// respond makes the answer to a request, or to what is not one.
func (p Pages) respond(r request, status int) net.Buffers {
	contentType, body := "text/plain; charset=utf-8", []byte(nil)
	if status == ok {
		page := p[r.path]
		switch {
		case r.method != "GET" && r.method != "HEAD":
			status = methodNotAllowed
		case page == nil:
			status = notFound
		default:
			contentType, body = page()
		}
	}
	if status != ok {
		body = []byte(strconv.Itoa(status) + " " + reason(status) + "\n")
	}
	head := "HTTP/1.1 " + strconv.Itoa(status) + " " + reason(status) + "\r\n" +
		"Date: " + time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05") + " GMT\r\n" +
		"Content-Type: " + contentType + "\r\n" +
		"Content-Length: " + strconv.Itoa(len(body)) + "\r\n" +
		"X-Content-Type-Options: nosniff\r\nConnection: close\r\n"
	if status == methodNotAllowed {
		head += "Allow: GET, HEAD\r\n"
	}
	head += "\r\n"
	if r.method == "HEAD" {
		return net.Buffers{[]byte(head)}
	}
	return net.Buffers{[]byte(head), body}
}
