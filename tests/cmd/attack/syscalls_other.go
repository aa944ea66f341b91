//go:build !amd64

package main

import "errors"

var errElsewhere = errors.New("this attack is written for amd64")

func rawSyscall([]string) error      { return errElsewhere }
func compatSyscall([]string) error   { return errElsewhere }
func x32Syscall([]string) error      { return errElsewhere }
func unknownSyscalls([]string) error { return errElsewhere }
func rewriteSyscall([]string) error  { return errElsewhere }
func growStdout([]string) error      { return errElsewhere }
