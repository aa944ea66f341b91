package stdio

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const patience = 30 * time.Second

func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, c Config) *Streams {
	t.Helper()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// started is what the container's creation does: the program's ends are the
// test's from here on.
func started(t *testing.T, s *Streams) (in, out, err *os.File) {
	t.Helper()
	dup := func(f *os.File) *os.File {
		if f == nil {
			return nil
		}
		fd, err := unix.Dup(int(f.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		d := os.NewFile(uintptr(fd), "the program's")
		t.Cleanup(func() { d.Close() })
		return d
	}
	in, out, err = dup(s.Stdin), dup(s.Stdout), dup(s.Stderr)
	if err := s.Started(); err != nil {
		t.Fatal(err)
	}
	return in, out, err
}

func TestOutputsReachTheirFifosWholeAndEnd(t *testing.T) {
	outPath, errPath := fifo(t), fifo(t)
	s := open(t, Config{Stdout: outPath, Stderr: errPath}) // without waiting for a reader
	_, out, errs := started(t, s)
	want := bytes.Repeat([]byte("0123456789abcdef"), 200_000) // many times a pipe's room
	go func() {
		_, _ = out.Write(want)
		out.Close()
		_, _ = io.WriteString(errs, "complaint")
		errs.Close()
	}()
	read := func(path string) []byte {
		f, err := os.Open(path)
		if err != nil {
			t.Error(err)
			return nil
		}
		defer f.Close()
		got := make(chan []byte, 1)
		go func() {
			data, _ := io.ReadAll(f)
			got <- data
		}()
		if !s.Drain(patience) {
			t.Error("not drained")
		}
		s.Close() // lets the reader see the end
		return <-got
	}
	both := make(chan []byte, 1)
	go func() {
		f, err := os.Open(errPath)
		if err != nil {
			both <- nil
			return
		}
		data, _ := io.ReadAll(f)
		f.Close()
		both <- data
	}()
	if got := read(outPath); !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d arrived, or others", len(got), len(want))
	}
	if got := <-both; string(got) != "complaint" {
		t.Errorf("standard error: %q", got)
	}
}

func TestDrainGivesUpWhileAChildHoldsTheOutput(t *testing.T) {
	s := open(t, Config{Stdout: fifo(t)})
	_, out, _ := started(t, s)
	if s.Drain(50 * time.Millisecond) {
		t.Fatal("drained although the output is open")
	}
	out.Close()
	if !s.Drain(patience) {
		t.Fatal("not drained although the output is closed")
	}
}

func TestInputEndsWithCloseStdinAndItsWriter(t *testing.T) {
	path := fifo(t)
	s := open(t, Config{Stdin: path})
	in, _, _ := started(t, s)
	got := make(chan string, 1)
	go func() {
		data, _ := io.ReadAll(in)
		got <- string(data)
	}()
	// A client that comes and goes does not end the input.
	for _, text := range []string{"one ", "two"} {
		w, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, text)
		w.Close()
	}
	select {
	case text := <-got:
		t.Fatalf("the input ended by itself after %q", text)
	case <-time.After(50 * time.Millisecond):
	}
	s.CloseStdin()
	s.CloseStdin()
	select {
	case text := <-got:
		if text != "one two" {
			t.Fatalf("read %q", text)
		}
	case <-time.After(patience):
		t.Fatal("the input does not end")
	}
}

func TestBothOutputsToOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "one")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{Stdout: "file://" + path, Stderr: "file://" + path})
	_, out, errs := started(t, s)
	_, _ = io.WriteString(out, "out\n")
	out.Close()
	_, _ = io.WriteString(errs, "err\n")
	errs.Close()
	if !s.Drain(patience) {
		t.Fatal("not drained")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(data); got != "before\nout\nerr\n" && got != "before\nerr\nout\n" {
		t.Fatalf("the file has %q", got)
	}
}

// logging writes a logging program.
func logging(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "logger")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoggingProgramGetsBothOutputsAndItsArguments(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	program := logging(t, `exec 5>&-; { echo "$CONTAINER_ID $CONTAINER_NAMESPACE $*"; cat <&3; cat <&4; } >"$2"`)
	s := open(t, Config{Stdout: "binary://" + program + "?to=" + log + "&b=x%20y", ID: "one", Namespace: "ns"})
	_, out, errs := started(t, s)
	_, _ = io.WriteString(out, "out\n")
	_, _ = io.WriteString(errs, "err\n")
	out.Close()
	errs.Close()
	s.Close() // waits for it
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(data), "one ns to "+log+" b x y\nout\nerr\n"; got != want {
		t.Fatalf("logged %q, want %q", got, want)
	}
}

func TestStreamsThatCannotBeOpened(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for name, row := range map[string]struct {
		config Config
		want   string
	}{
		"no such fifo":         {Config{Stdout: missing}, "cannot open an output: open " + missing},
		"no such input":        {Config{Stdin: missing}, "cannot open the input: open " + missing},
		"unknown scheme":       {Config{Stdout: "ftp://x/y"}, `unknown scheme "ftp"`},
		"file without path":    {Config{Stdout: "file://"}, "names no path"},
		"no such program":      {Config{Stdout: "binary://" + missing}, "cannot start the logging program " + missing},
		"program never ready":  {Config{Stdout: "binary-v2://" + logging(t, "exit 0")}, "never ready"},
		"logging program died": {Config{Stdout: "binary-v2://" + logging(t, "exit 3")}, "never ready"},
	} {
		t.Run(name, func(t *testing.T) {
			before := descriptors(t)
			s, err := Open(row.config)
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %q, want %q in it", err, row.want)
			}
			if after := descriptors(t); after > before {
				t.Errorf("%d descriptors, %d before", after, before)
			}
		})
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestNullStreams(t *testing.T) {
	s := open(t, Config{})
	if s.Stdin != nil || s.Stdout != nil || s.Stderr != nil || s.Terminal != nil {
		t.Fatalf("streams %+v", s)
	}
	if err := s.Started(); err != nil {
		t.Fatal(err)
	}
	if !s.Drain(patience) {
		t.Fatal("not drained")
	}
	if err := s.Resize(80, 25); err != nil {
		t.Fatal(err)
	}
}
