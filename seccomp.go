//go:build !oci

package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"blackhole/internal/atomicfile"
	"blackhole/recording"
	profiles "blackhole/seccomp-profiles"
)

func seccompCommand() *cli.Command {
	return &cli.Command{
		Name:        "seccomp",
		Category:    ofServices,
		Usage:       "make seccomp profiles",
		Subcommands: []*cli.Command{seccompRecordCommand()},
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return cli.ShowSubcommandHelp(c)
			}
			return usageError(c, fmt.Errorf("unknown command %q", c.Args().First()), true)
		},
	}
}

func seccompRecordCommand() *cli.Command {
	return &cli.Command{
		Name:      "record",
		Usage:     "run a service, and write the smallest profile for the system calls that it made",
		ArgsUsage: "SERVICE [-- PROGRAM ARGS…]",
		Description: "The service runs in the foreground, with its limits and its network, until it ends, Ctrl-C or\n" +
			"--timeout; give it meanwhile all the work that it will ever have to do. Its health check is run\n" +
			"too if it is a command. What its present profile blocks stays blocked; record under unconfined\n" +
			"to learn what it would do without one. Services that it depends on are not started.\n" +
			"The profile is for security.seccomp_profile. Each system call waits for this command, some tens of microseconds,\n" +
			"while it is recorded.",
		Flags: []cli.Flag{
			configFlag(),
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write the profile to `FILE`, default SERVICE.json; - is standard output"},
			&cli.StringSliceFlag{Name: "merge", Usage: "let through what the profile `FILE` does too; may be given several times, and may be --output's"},
			&cli.DurationFlag{Name: "timeout", Usage: "stop the service after `DURATION`"},
		},
		Action: seccompRecord,
	}
}

func seccompRecord(c *cli.Context) error {
	own, program, err := programArgs(c, 1)
	if err != nil {
		return err
	}
	if len(own) != 1 {
		return wantArgs(c, 1, 1)
	}
	if d := c.Duration("timeout"); d < 0 {
		return fmt.Errorf("cannot use --timeout %s: it is negative", d)
	}
	name, output := own[0], c.String("output")
	if output == "" {
		output = name + ".json"
	}
	// What could fail after a long run fails before it.
	others, err := loadProfiles(c.StringSlice("merge"))
	if err != nil {
		return err
	}
	if err := writable(output); err != nil {
		return fmt.Errorf("cannot write the profile: %w", err)
	}
	o, err := recordOptions(c, name, program)
	if err != nil {
		return err
	}
	recorded, err := recording.Run(*o)
	if err != nil {
		return err
	}
	profile, err := profiles.Merge(recorded.Profile, others...)
	if err != nil {
		return err
	}
	data, err := profiles.Marshal(profile)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.App.ErrWriter, "%s ended with exit code %d: %d different system calls were heard, the profile lets %d through\n",
		name, recorded.Code, recorded.Calls, profiles.CountAllowed(profile))
	if output == "-" {
		_, err = c.App.Writer.Write(data)
		return err
	}
	if err := atomicfile.Write(output, data, 0o644); err != nil {
		return fmt.Errorf("cannot write the profile: %w", err)
	}
	fmt.Fprintf(c.App.ErrWriter, "written: %s\n", output)
	return nil
}

func recordOptions(c *cli.Context, name string, program []string) (*recording.Options, error) {
	config, err := loadConfig(c)
	if err != nil {
		return nil, err
	}
	t, err := translateLoaded(c, config, name, program)
	if err != nil {
		return nil, err
	}
	service, err := config.Service(name)
	if err != nil {
		return nil, err
	}
	interrupted := make(chan struct{})
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM)
	go func() {
		<-signals
		close(interrupted)
	}()
	o := &recording.Options{
		Runtime:     newRuntime(c),
		Name:        name,
		Contents:    contents(t),
		Timeout:     c.Duration("timeout"),
		Interrupted: interrupted,
		StopSignal:  unix.Signal(*service.Stop.Signal),
		StopTimeout: time.Duration(*service.Stop.Timeout),
		Stdin:       os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}
	if check := service.HealthCheck; check != nil {
		o.Check, o.CheckInterval = check.Exec, time.Duration(*check.Interval)
	}
	return o, nil
}

func loadProfiles(paths []string) (loaded []*specs.LinuxSeccomp, err error) {
	for _, path := range paths {
		if path, err = filepath.Abs(path); err != nil {
			return nil, err
		}
		p, err := profiles.Load(path)
		if err != nil {
			return nil, err
		}
		loaded = append(loaded, p)
	}
	return loaded, nil
}

// writable tells early whether a file can be put at path.
func writable(path string) error {
	if path == "-" {
		return nil
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	dir := filepath.Dir(path)
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return &os.PathError{Op: "access", Path: dir, Err: err}
	}
	return nil
}
