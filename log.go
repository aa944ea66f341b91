package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"blackhole/internal/printable"
)

// setUpLog directs the log, which libcontainer writes as well. A person at a
// terminal gets plain lines; a file gets runc's formats, which engines read.
func setUpLog(c *cli.Context) error {
	format, path := c.String("log-format"), c.String("log")
	if format != "" && format != "text" && format != "json" {
		return fmt.Errorf("cannot use --log-format %q: it is text or json", format)
	}
	if path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_SYNC, 0o644)
		if err != nil {
			return fmt.Errorf("cannot log: %w", err)
		}
		logrus.SetOutput(&logFile{file: f})
	}
	if c.Bool("debug") {
		logrus.SetLevel(logrus.DebugLevel)
	}
	switch {
	case format == "json":
		logrus.SetFormatter(&logrus.JSONFormatter{})
	case path != "" || c.Bool("debug"):
		logrus.SetFormatter(&logrus.TextFormatter{})
	}
	return nil
}

// logFile drops what cannot be written, and says so once: a full disk under the
// log is not to hide what the command itself has to say.
type logFile struct {
	file *os.File
	told bool
}

func (l *logFile) Write(entry []byte) (int, error) {
	if _, err := l.file.Write(entry); err != nil && !l.told {
		l.told = true
		fmt.Fprintln(os.Stderr, "cannot log:", err)
	}
	return len(entry), nil
}

// plain writes a log entry as a person reads it: its message, behind its level
// unless it is an error, which speaks for itself.
type plain struct {
	quoting bool // libcontainer quotes a log of criu's, line by line
}

func (p *plain) Format(e *logrus.Entry) ([]byte, error) {
	message := strings.TrimSpace(e.Message)
	switch message {
	case "unable to get oom kill count", "unable to terminate initProcess":
		// Libcontainer says so of a container that failed to start, beside the
		// error that tells why.
		return nil, nil
	}
	quote := strings.HasPrefix(message, "--- Quoting ")
	if e.Level == logrus.WarnLevel && (quote || p.quoting) {
		// The error names the log, and the line in it that matters.
		p.quoting = quote || message != "---"
		return nil, nil
	}
	if e.Level > logrus.ErrorLevel {
		message = e.Level.String() + ": " + message
	}
	return []byte(printable.Text(message) + "\n"), nil
}

// exitStatus is the exit code of a command that did its work and has nothing
// to say about it, such as that of the program that run ran.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// exited is the outcome of a program that ran in the foreground: its exit code,
// unless blackhole itself failed.
func exited(code int, err error) error {
	if err == nil && code != 0 {
		return exitStatus(code)
	}
	return err
}

// exitCode reports an error, once, and returns the exit code. The log has it
// as its last error, which engines show to people; if the log is not on stderr
// stderr has it too.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	var status exitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	message := oneLine(err)
	logrus.Error(message)
	if logrus.StandardLogger().Out != os.Stderr {
		fmt.Fprintln(os.Stderr, printable.Text(message))
	}
	var coder cli.ExitCoder
	if errors.As(err, &coder) && coder.ExitCode() != 0 {
		return coder.ExitCode()
	}
	return 1
}

// manyLines is an error that is a list by nature, as the faults of a configuration.
type manyLines interface {
	error
	ManyLines()
}

// oneLine is an error's text on one line; hooks and joined errors have more.
func oneLine(err error) string {
	var list manyLines
	if errors.As(err, &list) {
		return err.Error()
	}
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
