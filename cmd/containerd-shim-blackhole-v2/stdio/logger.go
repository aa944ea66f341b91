package stdio

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// How long a logging program may take to say that it is ready, to end by itself
// once there is nothing more to log, and to end after SIGTERM.
const (
	loggerReady  = 30 * time.Second
	loggerEnds   = 2 * time.Second
	loggerTermed = 10 * time.Second
)

// logger is a program that gets both outputs (binary://PATH?ARGUMENT=VALUE), see
// "Logging" in containerd's docs/runtime-v2.md.
type logger struct {
	cmd   *exec.Cmd
	reads [2]*os.File
}

func (s *Streams) openLogger(u *url.URL) error {
	outR, outW, err := s.pipe()
	if err != nil {
		return err
	}
	errR, errW, err := s.pipe()
	if err != nil {
		return err
	}
	l := &logger{reads: [2]*os.File{outR, errR}}
	if l.cmd, err = startLogger(u, s.config.ID, s.config.Namespace, outR, errR); err != nil {
		return fmt.Errorf("cannot start the logging program %s: %w", u.Path, err)
	}
	s.logger = l
	if s.config.Terminal {
		s.out = &output{to: outW}
		return nil
	}
	s.Stdout, s.Stderr = outW, errW
	return nil
}

// startLogger returns once the program says that it is ready: by closing its
// descriptor 5, for binary-v2 after it has written a byte there.
func startLogger(u *url.URL, id, namespace string, stdout, stderr *os.File) (*exec.Cmd, error) {
	cmd := exec.Command(u.Path, loggerArgs(u.RawQuery)...)
	cmd.Env = []string{"CONTAINER_ID=" + id, "CONTAINER_NAMESPACE=" + namespace}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd.ExtraFiles = []*os.File{stdout, stderr, w} // 3, 4 and 5
	err = cmd.Start()
	w.Close()
	if err != nil {
		return nil, err
	}
	if err := awaitReady(r, u.Scheme == "binary-v2"); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, err
	}
	return cmd, nil
}

func awaitReady(r *os.File, wantByte bool) error {
	if err := r.SetReadDeadline(time.Now().Add(loggerReady)); err != nil {
		return err
	}
	_, err := r.Read(make([]byte, 1))
	switch {
	case err == nil, errors.Is(err, io.EOF) && !wantByte:
		return nil
	case errors.Is(err, io.EOF):
		return errors.New("it closed its descriptor 5 without a byte: it was never ready")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("it was not ready after %s", loggerReady)
	}
	return err
}

// loggerArgs are the names and values of the query, in its order.
func loggerArgs(query string) []string {
	var args []string
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		for _, escaped := range []string{name, value} {
			if text, err := url.QueryUnescape(escaped); err == nil {
				escaped = text
			}
			args = append(args, escaped)
		}
	}
	return args
}

// letGo leaves reading to the program.
func (l *logger) letGo() {
	for _, f := range l.reads {
		_ = closeFile(f)
	}
}

// end waits for the program, which has seen the end of its input by now.
func (l *logger) end() {
	l.letGo()
	done := make(chan struct{})
	go func() {
		_ = l.cmd.Wait()
		close(done)
	}()
	for _, step := range []struct {
		patience time.Duration
		next     unix.Signal
	}{{loggerEnds, unix.SIGTERM}, {loggerTermed, unix.SIGKILL}} {
		select {
		case <-done:
			return
		case <-time.After(step.patience):
			_ = l.cmd.Process.Signal(step.next)
		}
	}
	<-done
}
