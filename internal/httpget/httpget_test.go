package httpget

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"blackhole/internal/clients"
)

const maxClients = 16 // at a time

func started(t *testing.T, hurry time.Duration) (addr string, _ *clients.Server) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	pages := Pages{
		"/":        func() (string, []byte) { return "text/plain", []byte("root\n") },
		"/metrics": func() (string, []byte) { return "text/plain; version=0.0.4", []byte("a 1\n") },
	}
	s := clients.Serve(l, maxClients, func(c net.Conn) { pages.answer(c, hurry) })
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String(), s
}

// The standard library's client is the oracle of the answers.
func TestAnswers(t *testing.T) {
	addr, _ := started(t, headHurry)
	for _, row := range []struct {
		method, path string
		body         io.Reader
		status       int
		text         string
	}{
		{"GET", "/metrics", nil, 200, "a 1\n"},
		{"GET", "/metrics?x=1&y", nil, 200, "a 1\n"},
		{"GET", "/", nil, 200, "root\n"},
		{"HEAD", "/metrics", nil, 200, ""},
		{"GET", "/metrics/", nil, 404, "404 Not Found\n"},
		{"POST", "/metrics", strings.NewReader(strings.Repeat("x", 100_000)), 405, "405 Method Not Allowed\n"},
		{"DELETE", "/nowhere", nil, 405, "405 Method Not Allowed\n"},
	} {
		t.Run(row.method+row.path, func(t *testing.T) {
			req, err := http.NewRequest(row.method, "http://"+addr+row.path, row.body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != row.status || string(body) != row.text || !resp.Close {
				t.Errorf("status %d, body %q, close %v, error %v; want %d %q", resp.StatusCode, body, resp.Close, err, row.status, row.text)
			}
			if row.method == "HEAD" && resp.ContentLength != 4 {
				t.Errorf("content length %d, want 4", resp.ContentLength)
			}
			if got := resp.Header.Get("Allow"); (row.status == 405) != (got == "GET, HEAD") {
				t.Errorf("Allow is %q", got)
			}
			if _, err := http.ParseTime(resp.Header.Get("Date")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReadRequest(t *testing.T) {
	for in, want := range map[string]string{
		"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n":                                     "200 GET /metrics",
		"GET /metrics?a=b HTTP/1.1\nhOST:a\n\n":                                        "200 GET /metrics",
		"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n":                                        "200 GET /",
		"GET / HTTP/1.0\r\n\r\n":                                                       "200 GET /",
		"GET http://a:9750/metrics?x HTTP/1.1\r\nHost: a\r\n\r\n":                      "200 GET /metrics",
		"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n":                                     "200 GET /",
		"GET http://a?x HTTP/1.1\r\nHost: a\r\n\r\n":                                   "200 GET /",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc":                   "200 POST /",
		"GET / HTTP/1.1\r\n\r\n":                                                       "400",
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n":                                 "400",
		"GET / HTTP/1.1\r\nHost : a\r\n\r\n":                                           "400",
		"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n":                                      "400",
		"GET / HTTP/1.1\r\nHost: a\x00\r\n\r\n":                                        "400",
		"GET / HTTP/1.1\r\nnonsense\r\n\r\n":                                           "400",
		"GET /metrics\r\n\r\n":                                                         "400",
		"GET  /metrics HTTP/1.1\r\n\r\n":                                               "400",
		"GET metrics HTTP/1.1\r\nHost: a\r\n\r\n":                                      "400",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n":                                        "400",
		"GET / FTP/1.1\r\n\r\n":                                                        "400",
		"(GET) / HTTP/1.1\r\nHost: a\r\n\r\n":                                          "400",
		"\x16\x03\x01\x02\x00\x01\x00\x01\n":                                           "400", // TLS
		"GET / HTTP/2.0\r\nHost: a\r\n\r\n":                                            "505",
		"GET / HTTP/1.11\r\nHost: a\r\n\r\n":                                           "505",
		"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", maxHead) + "\r\n\r\n": "431",
		"GET /" + strings.Repeat("x", 2*maxHead):                                       "431",
		"GET / HTTP/1.1\r\nHost: a\r\n":                                                "0",
		"GET / HTT":                                                                    "400",
		"":                                                                             "0",
	} {
		r, status := readRequest(strings.NewReader(in))
		got := fmt.Sprint(status)
		if status == ok {
			got += " " + r.method + " " + r.path
		}
		if got != want {
			t.Errorf("%.60q: got %s, want %s", in, got, want)
		}
	}
}

// Clients that send nothing take up all places for some seconds and no longer.
func TestSlowClients(t *testing.T) {
	addr, _ := started(t, time.Second)
	var held []net.Conn
	for range maxClients {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		fmt.Fprint(c, "GET /metr")
		held = append(held, c)
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || line != "HTTP/1.1 200 OK\r\n" {
		t.Errorf("after the slow ones: %q, %v", line, err)
	}
	_ = held[0].SetDeadline(time.Now().Add(time.Minute))
	if line, err := bufio.NewReader(held[0]).ReadString('\n'); err != nil || line != "HTTP/1.1 408 Request Timeout\r\n" {
		t.Errorf("a slow one: %q, %v", line, err)
	}
}

func TestManyAtATime(t *testing.T) {
	addr, s := started(t, headHurry)
	var all sync.WaitGroup
	for range 8 * maxClients {
		all.Go(func() {
			resp, err := http.Get("http://" + addr + "/metrics")
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "a 1\n" {
				t.Errorf("%q, %v", body, err)
			}
		})
	}
	all.Wait()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("it listens still")
	}
}

// One that comes while it is closed is answered or refused; under the race detector
// this finds a Close that does not wait for whoever takes it in.
func TestCloseWhileOneComes(t *testing.T) {
	for range 500 {
		addr, s := started(t, time.Second)
		came := make(chan struct{})
		go func() {
			defer close(came)
			if c, err := net.Dial("tcp", addr); err == nil {
				c.Close()
			}
		}()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-came
	}
}

// What is taken for a request must mean the same to the standard library, if it
// takes it for one too.
func FuzzReadRequest(f *testing.F) {
	for _, in := range []string{
		"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "\r\nGET http://a/?x HTTP/1.0\n\n", "HEAD / HTTP/1.1\nhost:\n\n",
		"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n",
	} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		r, status := readRequest(strings.NewReader(in))
		if reason(status) == "" && status != gone {
			t.Fatalf("unknown status %d", status)
		}
		if status != ok {
			return
		}
		if !strings.HasPrefix(r.path, "/") || strings.ContainsAny(r.path, " ?\r\n") || !isToken(r.method) {
			t.Fatalf("%q gave %+v", in, r)
		}
		in = strings.TrimPrefix(strings.TrimPrefix(in, "\r\n"), "\n")
		std, err := http.ReadRequest(bufio.NewReader(strings.NewReader(in)))
		if err == nil && std.Method != r.method {
			t.Fatalf("%q: method %q, to the standard library %q", in, r.method, std.Method)
		}
		// It decodes escapes, cuts a fragment off, and reads // as a server's name.
		if err == nil && !strings.ContainsAny(r.path, "%#") && !strings.HasPrefix(r.path, "//") && std.URL.Path != r.path && std.URL.Path != "" {
			t.Fatalf("%q: path %q, to the standard library %q", in, r.path, std.URL.Path)
		}
	})
}
