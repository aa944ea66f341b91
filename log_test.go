//go:build !oci

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"blackhole/spec"
)

func TestExitCode(t *testing.T) {
	var out bytes.Buffer
	logger := logrus.StandardLogger()
	savedOut, savedFormatter := logger.Out, logger.Formatter
	defer func() { logger.Out, logger.Formatter = savedOut, savedFormatter }()
	logger.SetOutput(&out)
	logger.SetFormatter(&plain{})
	for _, row := range []struct {
		err  error
		code int
		log  string
	}{
		{nil, 0, ""},
		{exitStatus(3), 3, ""},
		{fmt.Errorf("wrapped: %w", exitStatus(137)), 137, ""},
		{errors.New("cannot x: y"), 1, "cannot x: y\n"},
		{errors.Join(errors.New("a"), errors.New("b")), 1, "a; b\n"},
		{errors.New("hook said:\r\n\nno\n"), 1, "hook said:; no\n"},
		{cli.Exit("cannot z", 4), 4, "cannot z\n"},
		{spec.Faults{{Message: "one"}, {Message: "two"}}, 1, "one\ntwo\n"},
	} {
		out.Reset()
		if code := exitCode(row.err); code != row.code || out.String() != row.log {
			t.Errorf("%v: exit code %d and %q, want %d and %q", row.err, code, out.String(), row.code, row.log)
		}
	}
}

func TestPlain(t *testing.T) {
	p := &plain{} // one for all rows: it remembers a quotation
	for _, row := range []struct {
		level   logrus.Level
		message string
		want    string
	}{
		{logrus.ErrorLevel, "cannot x\n", "cannot x\n"},
		{logrus.WarnLevel, "odd", "warning: odd\n"},
		{logrus.WarnLevel, "unable to get oom kill count", ""},
		{logrus.WarnLevel, "--- Quoting \"/x/dump.log\"", ""},
		{logrus.WarnLevel, "108:(00.199453) Add mnt ns 13", ""},
		{logrus.ErrorLevel, "cannot y", "cannot y\n"},
		{logrus.WarnLevel, "---", ""},
		{logrus.WarnLevel, "odd again", "warning: odd again\n"},
	} {
		got, err := p.Format(&logrus.Entry{Level: row.level, Message: row.message})
		if string(got) != row.want || err != nil {
			t.Errorf("%s %q: %q, %v", row.level, row.message, got, err)
		}
	}
}

// Every command belongs to a group of the help and says what it does.
func TestCommandsAreDescribed(t *testing.T) {
	for _, c := range commands() {
		if c.Category == "" && !c.Hidden || c.Usage == "" || strings.HasSuffix(c.Usage, ".") {
			t.Errorf("%s: category %q, usage %q", c.Name, c.Category, c.Usage)
		}
	}
}
