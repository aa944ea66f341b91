package supervisor

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A supervisor that dies before it answers runs no more, for who only looks; one that
// lives is not to be taken for none.
func TestStatusOfADyingOne(t *testing.T) {
	p := Paths{Root: t.TempDir()}
	if err := os.MkdirAll(p.dir(), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", p.socket())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	if _, err := p.Ask(Request{Method: "status"}); !errors.Is(err, ErrNone) {
		t.Errorf("no lock: %v", err)
	}
	lock, err := os.OpenFile(p.lock(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(lock, os.Getpid())
	if _, err := p.Ask(Request{Method: "status"}); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("one that lives: %v", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Ask(Request{Method: "status"}); !errors.Is(err, ErrNone) {
		t.Errorf("one that let go: %v", err)
	}
	if _, err := p.Ask(Request{Method: "stop"}); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("what may have been begun: %v", err)
	}
}

// A supervisor of another version is not half understood; why it refuses is told.
func TestUnderstand(t *testing.T) {
	for line, want := range map[string]string{
		`{"version":1,"pid":7}`: "",
		`{"version":2,"pid":7}`: "it speaks protocol version 2, and this program 1",
		`{"version":2,"error":"cannot speak protocol version 1: this supervisor speaks 2"}`: "cannot speak protocol version 1: this supervisor speaks 2",
		`{"pid":7}`: "it speaks protocol version 0, and this program 1",
		`null`:      "it says null",
		`{"versi`:   "cannot understand the supervisor: unexpected end",
		`{"version":1,"faults":["f:1:1: x","f:2:1: y"]}`: "f:1:1: x\nf:2:1: y",
		`{"version":1,"faults":[""]}`:                    "does not say which",
	} {
		reply, err := understand([]byte(line))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) || (reply == nil) == (err == nil) {
			t.Errorf("%s: %v, %v", line, reply, err)
		}
	}
}

// The status of an answer to a health check has three digits.
func TestCheckAnswer(t *testing.T) {
	for answer, want := range map[string]string{
		"HTTP/1.1 200 OK\r\n": "", "HTTP/1.0 399\n": "",
		"HTTP/1.1 404 Not Found\r\n": "status 404",
		"HTTP/1.1 +200 OK\r\n":       "status +200",
		"HTTP/1.1 0200 OK\r\n":       "status 0200",
		"HTTP/1.1 2\x1b[0m OK\r\n":   `status 2\x1b[0m`,
		"SSH-2.0-x\r\n":              "the answer is not HTTP",
		"":                           "no answer: EOF",
	} {
		if err := checkAnswer(strings.NewReader(answer)); (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%q: %v", answer, err)
		}
	}
}
