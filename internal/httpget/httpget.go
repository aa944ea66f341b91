// Package httpget serves a few pages by HTTP/1.1 (RFC 9110, RFC 9112): GET and
// HEAD, each request on a connection of its own, plain text back. It is for
// programs that must start fast: importing net/http costs a third of a
// millisecond at each start.
package httpget

import (
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// Bounds on clients, so that none can hurt: more at a time wait in the
// listener's backlog, and one that is slow is cut off.
const (
	maxClients  = 16
	maxHead     = 8 << 10          // bytes of a request's head
	headHurry   = 5 * time.Second  // for the head
	answerHurry = 10 * time.Second // for the answer
	lingerHurry = time.Second      // see linger
)

// Page makes the content of a page at each request.
type Page func() (contentType string, body []byte)

// Server serves pages until it is closed.
type Server struct {
	listener net.Listener
	pages    map[string]Page
	slots    chan struct{}
	clients  sync.WaitGroup
	hurry    time.Duration // headHurry, but in tests
}

// Serve answers what comes to a listener. The pages' keys are their paths.
func Serve(l net.Listener, pages map[string]Page) *Server { return serve(l, pages, headHurry) }

func serve(l net.Listener, pages map[string]Page, hurry time.Duration) *Server {
	s := &Server{listener: l, pages: pages, slots: make(chan struct{}, maxClients), hurry: hurry}
	s.clients.Go(s.accept) // one of those that Close waits for: it adds the others
	return s
}

// Close ends the listener, and waits a little for the last answers.
func (s *Server) Close() error {
	err := s.listener.Close()
	done := make(chan struct{})
	go func() { s.clients.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Second):
	}
	return err
}

func (s *Server) accept() {
	for {
		s.slots <- struct{}{}
		c, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, for one; it may pass
			time.Sleep(100 * time.Millisecond)
			<-s.slots
			continue
		}
		s.clients.Go(func() {
			defer func() { c.Close(); <-s.slots }()
			s.answer(c)
		})
	}
}

func (s *Server) answer(c net.Conn) {
	_ = c.SetReadDeadline(time.Now().Add(s.hurry))
	r, status := readRequest(c)
	if status == gone {
		return
	}
	_ = c.SetWriteDeadline(time.Now().Add(answerHurry))
	answer := s.respond(r, status)
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
func (s *Server) respond(r request, status int) net.Buffers {
	contentType, body := "text/plain; charset=utf-8", []byte(nil)
	if status == ok {
		page := s.pages[r.path]
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
