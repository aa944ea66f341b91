// Package clients takes in those who connect to a listener.
package clients

import (
	"errors"
	"net"
	"sync"
	"time"
)

// Server hands each client to a function, some at a time.
type Server struct {
	listener net.Listener
	answer   func(net.Conn)
	slots    chan struct{}
	clients  sync.WaitGroup // and whoever takes them in, who adds to it
}

// Serve calls answer for each client of a listener, beside others, and closes the
// connection after it. No more than most are answered at a time: more wait in the
// listener's backlog.
func Serve(l net.Listener, most int, answer func(net.Conn)) *Server {
	s := &Server{listener: l, answer: answer, slots: make(chan struct{}, most)}
	s.clients.Go(s.accept)
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
