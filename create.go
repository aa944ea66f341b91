package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"blackhole/runtime"
)

func createCommand() *cli.Command {
	return &cli.Command{
		Name:      "create",
		Category:  ofOCI,
		Usage:     "create a container whose program waits for start",
		ArgsUsage: "CONTAINER-ID",
		Description: "The container is made from a bundle: a folder with config.json and a root file system.\n" +
			"Its id must not be taken in the state folder (--root).",
		Flags: createFlags(),
		Action: func(c *cli.Context) error {
			o, err := createOptions(c)
			if err != nil {
				return err
			}
			_, err = newRuntime(c).Create(o)
			return err
		},
	}
}

// createFlags are common to create and run.
func createFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}, Usage: "the bundle, default the working directory: `FOLDER`"},
		&cli.StringFlag{Name: "console-socket", Usage: "Unix socket that receives the master end of the container's terminal: `PATH`"},
		&cli.StringFlag{Name: "pidfd-socket", Usage: "Unix socket that receives a pidfd of the container's first process: `PATH`"},
		&cli.StringFlag{Name: "pid-file", Usage: "write the id of the container's first process to `FILE`"},
		&cli.BoolFlag{Name: "no-pivot", Usage: "enter the root file system by chroot, less safe, where it is on a ramdisk"},
		&cli.BoolFlag{Name: "no-new-keyring", Usage: "leave the caller's session keyring to the container"},
		&cli.IntFlag{Name: "preserve-fds", Usage: "hand `N` more descriptors to the container, after the standard three and those of $LISTEN_FDS"},
	}
}

// createOptions reads createFlags, for create, run and restore. It changes into the bundle, where hooks
// have always been run; paths are made absolute before.
func createOptions(c *cli.Context) (runtime.CreateOptions, error) {
	if err := wantArgs(c, 1, 1); err != nil {
		return runtime.CreateOptions{}, err
	}
	o := runtime.CreateOptions{
		ID:            c.Args().First(),
		Bundle:        c.String("bundle"),
		PidFile:       c.String("pid-file"),
		ConsoleSocket: c.String("console-socket"),
		PidfdSocket:   c.String("pidfd-socket"),
		NoPivot:       c.Bool("no-pivot"),
		NoNewKeyring:  c.Bool("no-new-keyring"),
		NotifySocket:  os.Getenv("NOTIFY_SOCKET"),
		ListenFiles:   listenFiles(),
		Stdin:         os.Stdin,
		Stdout:        os.Stdout,
		Stderr:        os.Stderr,
	}
	fail := func(err error) (runtime.CreateOptions, error) {
		return o, fmt.Errorf("cannot %s container %q: %w", c.Command.Name, o.ID, err)
	}
	var err error
	if o.ExtraFiles, err = inheritedFiles(3+len(o.ListenFiles), c.Int("preserve-fds")); err != nil {
		return fail(err)
	}
	for _, path := range []*string{&o.Bundle, &o.PidFile, &o.ConsoleSocket, &o.PidfdSocket} {
		if *path == "" && path != &o.Bundle {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return fail(err)
		}
	}
	if err := os.Chdir(o.Bundle); err != nil {
		return fail(fmt.Errorf("cannot enter the bundle: %w", err))
	}
	if o.Spec, err = loadBundle(o.Bundle); err != nil {
		return fail(err)
	}
	return o, nil
}

// listenFiles are the sockets that a service manager opened for this process,
// by sd_listen_fds(3).
func listenFiles() []*os.File {
	if pid, err := strconv.Atoi(os.Getenv("LISTEN_PID")); err != nil || pid != os.Getpid() {
		return nil
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || n <= 0 {
		return nil
	}
	files, err := inheritedFiles(3, n)
	if err != nil {
		return nil // a variable left over by someone else
	}
	return files
}

// inheritedFiles are n descriptors from first on, which this process was
// started with. Those that it opened itself since then, if only inside the Go
// runtime, are told apart by their close-on-exec flag.
func inheritedFiles(first, n int) ([]*os.File, error) {
	if n < 0 {
		return nil, fmt.Errorf("cannot preserve %d descriptors", n)
	}
	var files []*os.File
	for fd := first; fd < first+n; fd++ {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			return nil, fmt.Errorf("cannot preserve %d descriptors: %d is not open", n, fd)
		}
	}
	for fd := first; fd < first+n; fd++ {
		files = append(files, os.NewFile(uintptr(fd), "preserved descriptor "+strconv.Itoa(fd)))
	}
	return files, nil
}
