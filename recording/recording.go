// Package recording runs a service once to learn which system calls it makes.
package recording

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"blackhole/bundle"
	"blackhole/runtime"
	profiles "blackhole/seccomp-profiles"
	"blackhole/seccomp-profiles/recorder"
)

// Options says what to run and until when.
type Options struct {
	Runtime *runtime.Runtime
	// Name is the service's, and so the container's id.
	Name string
	// Contents is its bundle; linux.seccomp in it is what it is recorded under.
	Contents bundle.Contents

	// Timeout ends the run; 0 is never. It is also ended by its program, and by
	// Interrupted, which the caller closes.
	Timeout     time.Duration
	Interrupted <-chan struct{}
	// StopSignal and, StopTimeout later, SIGKILL end the run.
	StopSignal  unix.Signal
	StopTimeout time.Duration

	// Check is run in the service each CheckInterval, as a health check will be:
	// under the same filter. Empty is none.
	Check         []string
	CheckInterval time.Duration

	Stdin, Stdout, Stderr *os.File
}

// Recorded is what a run was seen to do.
type Recorded struct {
	Profile *specs.LinuxSeccomp
	Calls   int // different system calls that were heard and let through
	// Code is the program's exit code, 128+n after signal n.
	Code int
}

// Run runs the service until it ends, in the foreground, and removes it.
func Run(o Options) (_ *Recorded, err error) {
	recording, err := profiles.NewRecording(o.Contents.Config.Linux.Seccomp)
	if err != nil {
		return nil, err
	}
	dir, release, err := claim(o.Runtime.Root, o.Name)
	if err != nil {
		return nil, fmt.Errorf("cannot record %s: %w", o.Name, err)
	}
	defer func() { err = errors.Join(err, release()) }()

	socket := filepath.Join(dir, "listener.sock")
	listener, err := recorder.Listen(socket, recording.Saw)
	if err != nil {
		return nil, err
	}
	// The bundle is the translation's with another filter; the caller's stays as it is.
	config, linux := *o.Contents.Config, *o.Contents.Config.Linux
	linux.Seccomp = recording.Filter(socket)
	config.Linux = &linux
	o.Contents.Config = &config
	code, err := run(&o, filepath.Join(dir, "bundle"))
	if err := errors.Join(err, listener.Close()); err != nil {
		return nil, err
	}
	return &Recorded{Profile: recording.Profile(), Calls: recording.Calls(), Code: code}, nil
}

func run(o *Options, dir string) (int, error) {
	if err := bundle.Write(dir, o.Contents); err != nil {
		return -1, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	beside := make(chan struct{})
	go func() {
		defer close(beside)
		if len(o.Check) > 0 {
			go check(ctx, o)
		}
		end(ctx, o)
	}()
	code, err := o.Runtime.Run(runtime.RunOptions{CreateOptions: runtime.CreateOptions{
		ID: o.Name, Bundle: dir, Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr,
	}})
	cancel()
	<-beside
	return code, err
}

// end stops the service when it is time.
func end(ctx context.Context, o *Options) {
	var timeout <-chan time.Time
	if o.Timeout > 0 {
		timeout = time.After(o.Timeout)
	}
	select {
	case <-ctx.Done():
		return
	case <-timeout:
	case <-o.Interrupted:
	}
	// It may have ended by itself meanwhile, or not have begun: then the second
	// signal finds it.
	_ = o.Runtime.Kill(o.Name, o.StopSignal)
	select {
	case <-ctx.Done():
	case <-time.After(o.StopTimeout):
		_ = o.Runtime.Kill(o.Name, unix.SIGKILL)
	}
}

// check runs the health check now and then. Whether it succeeds is not the
// question here.
func check(ctx context.Context, o *Options) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(o.CheckInterval):
		}
		p, err := o.Runtime.ExecDetached(runtime.ExecOptions{ID: o.Name, Override: runtime.ProcessOverride{Args: o.Check}})
		if err == nil {
			_, _ = p.Wait()
		}
	}
}
