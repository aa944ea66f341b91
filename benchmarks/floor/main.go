// Command floor is the least that a runtime on libcontainer can be: its exported
// functions and a command line around them, without a check, a record, a lock or
// anything undone. What a runtime on libcontainer takes less than this, it has
// saved elsewhere; nothing else can be saved without another init process.
//
// It takes what benchmarks/run gives to all runtimes: create, start, state, kill,
// delete and exec of a bundle, and the flags that go with them.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	_ "github.com/opencontainers/cgroups/devices" // device rules
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	_ "github.com/opencontainers/runc/libcontainer/nsenter" // the init process's first half
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "init" {
		libcontainer.Init()
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run() error {
	global := flag.NewFlagSet("floor", flag.ExitOnError)
	root := global.String("root", "/run/floor", "state folder")
	version := global.Bool("version", false, "print the version")
	if err := global.Parse(os.Args[1:]); err != nil {
		return err
	}
	if *version {
		fmt.Println("floor 1")
		return nil
	}
	if global.NArg() == 0 {
		return fmt.Errorf("no command")
	}
	command := global.Arg(0)
	flags := flag.NewFlagSet(command, flag.ExitOnError)
	bundle := flags.String("bundle", ".", "folder of config.json")
	pidFile := flags.String("pid-file", "", "file for the first process's id")
	force := flags.Bool("force", false, "kill it first")
	if err := flags.Parse(global.Args()[1:]); err != nil {
		return err
	}
	id := flags.Arg(0)
	if command == "create" {
		return create(*root, id, *bundle, *pidFile)
	}
	c, err := libcontainer.Load(*root, id)
	if err != nil {
		return err
	}
	switch command {
	case "start":
		return c.Exec()
	case "state":
		status, err := c.Status()
		fmt.Printf("{\"id\": %q, \"status\": %q}\n", id, status)
		return err
	case "exec":
		p := &libcontainer.Process{Args: flags.Args()[1:], Env: []string{"PATH=/bin:/usr/bin"}, Cwd: "/", Stdout: os.Stdout, Stderr: os.Stderr}
		if err := c.Run(p); err != nil {
			return err
		}
		_, err := p.Wait()
		return err
	case "kill":
		return c.Signal(unix.SIGKILL)
	case "delete":
		if *force {
			_ = c.Signal(unix.SIGKILL)
		}
		return c.Destroy()
	}
	return fmt.Errorf("unknown command %q", command)
}

func create(root, id, bundle, pidFile string) error {
	data, err := os.ReadFile(filepath.Join(bundle, "config.json"))
	if err != nil {
		return err
	}
	var spec specs.Spec
	if err := json.Unmarshal(data, &spec); err != nil {
		return err
	}
	if err := os.Chdir(bundle); err != nil { // paths in it are relative to it
		return err
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	config, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{CgroupName: id, Spec: &spec})
	if err != nil {
		return err
	}
	c, err := libcontainer.Create(root, id, config)
	if err != nil {
		return err
	}
	p := &libcontainer.Process{
		Args: spec.Process.Args, Env: spec.Process.Env, Cwd: spec.Process.Cwd, NoNewPrivileges: &spec.Process.NoNewPrivileges,
		UID: int(spec.Process.User.UID), GID: int(spec.Process.User.GID),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Init: true,
	}
	if has := spec.Process.Capabilities; has != nil {
		p.Capabilities = &configs.Capabilities{
			Bounding: has.Bounding, Effective: has.Effective, Inheritable: has.Inheritable, Permitted: has.Permitted, Ambient: has.Ambient,
		}
	}
	if err := c.Start(p); err != nil || pidFile == "" {
		return err
	}
	pid, err := p.Pid()
	if err != nil {
		return err
	}
	return os.WriteFile(pidFile, []byte(strconv.Itoa(pid)), 0o600)
}
