package supervisor

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"blackhole/spec"
)

// FuzzEvents: of the event log the lines that can be read come out, each as it
// stands there, in order; what is left is the end without a newline, and
// nothing is an error.
func FuzzEvents(f *testing.F) {
	line := `{"time":"2026-11-24T12:00:00Z","type":"alert","service":"web","message":"m","rule":"memory","level":"warning"}` + "\n"
	f.Add([]byte(line + `{"time":"2026-11-24T12:00:00Z","type":"state"` + "\n" + line[:20]))
	f.Add([]byte("null\n[]\n{}\n\n{\"pid\":-1}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rest := data
		left, err := emitEvents(bufio.NewReader(bytes.NewReader(data)), nil, EventOptions{}, func(e *Event, line []byte) error {
			at := bytes.Index(rest, line)
			if at < 0 || !bytes.HasSuffix(line, []byte{'\n'}) {
				t.Fatalf("%q is no line of the log, or comes out of order", line)
			}
			rest = rest[at+len(line):]
			if _, err := json.Marshal(e); err != nil {
				t.Fatalf("%q is read as what cannot be written: %v", line, err)
			}
			return nil
		})
		if err != nil || bytes.IndexByte(left, '\n') >= 0 || !bytes.HasSuffix(data, left) {
			t.Fatalf("%q is left, %v", left, err)
		}
	})
}

// FuzzLogIndex: the index beside a log leads to a place that stands in it, or
// to the beginning.
func FuzzLogIndex(f *testing.F) {
	f.Add([]byte("1764000000000 0 10\n1764000001000 10 30\n"), int64(1764000000500))
	f.Add([]byte("x\n1 2\n\x00\n9999999999999999999 1 2\n-1 -2 -3\n"), int64(0))
	log := filepath.Join(f.TempDir(), "a.log")
	f.Fuzz(func(t *testing.T, data []byte, since int64) {
		if err := os.WriteFile(log+indexSuffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
		at, err := placeAt(log, time.UnixMilli(since))
		if err != nil || at < 0 {
			t.Fatalf("%d, %v", at, err)
		}
		if err := os.WriteFile(log, []byte("one\ntwo\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		p := Paths{Logs: filepath.Dir(log)}
		n := 0
		err = p.ReadLogs(t.Context(), LogOptions{Services: []string{"a"}, Since: time.UnixMilli(since), Lines: -1}, func(_, line string) error {
			if n++; line != "one" && line != "two" && !strings.HasSuffix("one", line) && !strings.HasSuffix("two", line) {
				t.Fatalf("line %q", line)
			}
			return nil
		})
		if err != nil || n > 2 {
			t.Fatalf("%d lines, %v", n, err)
		}
	})
}

// FuzzRequest: whatever comes on the control socket, there is a reply that is
// one line, and one that is faulty changes nothing.
func FuzzRequest(f *testing.F) {
	for _, method := range []string{"status", "stop", "restart", "end", "apply", "x"} {
		f.Add([]byte(`{"version":1,"method":"` + method + `","services":["a"],"brief":true,"files":["/nonexistent"]}` + "\n"))
	}
	f.Add([]byte(`{"version":2,"method":"status"}`))
	f.Add([]byte("null"))
	config := &spec.Config{Services: map[string]*spec.Service{"a": {}}}
	effective, err := config.Service("a")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		s := &Supervisor{
			config: config, ctx: t.Context(), todo: make(chan func(), 64),
			services: map[string]*service{"a": newService("a", effective, config)},
			o:        Options{Paths: Paths{Root: t.TempDir()}, Load: func([]string) (*spec.Config, error) { return nil, errors.New("not here") }},
		}
		var r Request
		if json.Unmarshal(line, &r) == nil && (r.Method == "stop" || r.Method == "restart" || r.Method == "end") {
			return // those wait for what a loop does
		}
		go s.answerCalls()
		reply := s.handle(t.Context(), line, false)
		data, err := json.Marshal(reply)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(data, '\n') >= 0 {
			t.Fatalf("not one line: %q", data)
		}
		if reply.Error != "" && len(reply.Services) > 0 {
			t.Fatalf("both services and an error: %s", data)
		}
		if reply.Error == "" && (r.Version != ProtocolVersion || r.Method != "status") {
			t.Fatalf("%q was answered: %s", line, data)
		}
		if sv := s.services["a"]; sv.wantsStop || sv.wantsRestart || s.ending {
			t.Fatalf("%q changed a service", line)
		}
	})
}

// FuzzReply: what a supervisor answers is understood, or an error of one line
// that says so; a reply that has an error is never taken for a success.
func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"version":1,"pid":7,"services":[{"name":"a","state":"running","since":"2026-11-24T12:00:00Z","restarts":0,"stats":{"pids":{"current":3}}}]}`))
	f.Add([]byte(`{"version":1,"error":"cannot do it"}`))
	f.Add([]byte(`{"version":1,"faults":["f:1:1: x"],"error":"faulty"}`))
	f.Add([]byte(`{"version":2}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, line []byte) {
		reply, err := understand(line)
		switch {
		case (reply == nil) == (err == nil):
			t.Fatalf("%v, %v", reply, err)
		case err != nil && err.Error() == "":
			t.Fatal("an error that says nothing")
		case err == nil && (reply.Error != "" || len(reply.Faults) > 0 || reply.Version != ProtocolVersion):
			t.Fatalf("%q was taken for a success", line)
		}
	})
}

// FuzzStatusLine: of what a health check is answered nothing but HTTP and a status
// of 200 to 399 is good, and an error is one short line.
func FuzzStatusLine(f *testing.F) {
	for _, text := range []string{"HTTP/1.1 200 OK\r\n", "HTTP/1.0 404 Not Found\n", "HTTP/1.1 2xx\n", "SSH-2.0-x\r\n", "\n", "HTTP/1.1  +200\r\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		err := checkAnswer(bytes.NewReader(answer))
		if err != nil {
			if len(err.Error()) > 200 || strings.ContainsFunc(err.Error(), func(c rune) bool { return c < ' ' }) {
				t.Fatalf("not one short line: %q", err)
			}
			return
		}
		words := strings.Fields(string(answer))
		if !bytes.HasPrefix(bytes.TrimLeft(answer, " \t\r\v\f"), []byte("HTTP/1.")) || len(words[1]) != 3 || words[1] < "200" || words[1] > "399" {
			t.Fatalf("%q is good", answer)
		}
	})
}

// FuzzSaved: the saved state is read in whole or refused with its file named, and
// what was read is written and read as the same.
func FuzzSaved(f *testing.F) {
	f.Add([]byte(`{"version":1,"services":{"a":{"state":"running","active":true,"stopped":false,"restarts":3,"exit":{"code":1,"time":"2026-11-24T12:00:00Z"},` +
		`"stop_signal":"SIGTERM","stop_timeout_ns":10000000000,"depends_on":["b"],"pending":true}}}`))
	f.Add([]byte(`{"version":2,"services":[]}`))
	f.Add([]byte(`{"version":1,"services":{"../x":{"active":true}}}`))
	p := Paths{Root: f.TempDir()}
	if err := os.Mkdir(p.dir(), 0o700); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(p.saved(), data, 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := p.load()
		if err != nil {
			if in.Services != nil || !strings.Contains(err.Error(), p.saved()) {
				t.Fatalf("%v, %v", in, err)
			}
			return
		}
		for name := range in.Services {
			if strings.ContainsAny(name, "/\x00") || name == ".." {
				t.Fatalf("service %q leads out of the folder", name)
			}
		}
		first, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p.saved(), first, 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := p.load()
		second, _ := json.Marshal(again)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%s is read again as %s, %v", first, second, err)
		}
	})
}
