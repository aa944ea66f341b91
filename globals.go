package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"blackhole/runtime"
)

func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "root", Value: runtime.DefaultRoot("blackhole"), Usage: "`FOLDER` that keeps the state of the containers, best on a tmpfs"},
		&cli.StringFlag{Name: "log", Usage: "log to `FILE` instead of stderr"},
		&cli.StringFlag{Name: "log-format", Value: "text", Usage: "`FORMAT` of the log, text or json"},
		&cli.BoolFlag{Name: "debug", Usage: "log what happens in detail"},
		&cli.BoolFlag{Name: "systemd-cgroup", Usage: "let systemd manage the cgroups; cgroupsPath is then slice:prefix:name"},
		&cli.StringFlag{Name: "rootless", Value: "auto", Usage: "bear a lack of permission on cgroups: true, false or auto"},
	}
}

// before checks the global flags and sets the log up.
func before(c *cli.Context) error {
	if err := setUpLog(c); err != nil {
		return err
	}
	if _, err := rootless(c); err != nil {
		return err
	}
	root, err := filepath.Abs(c.String("root"))
	if err != nil {
		return fmt.Errorf("cannot use --root %q: %w", c.String("root"), err)
	}
	// The empty path is the working directory, which may be / too.
	if root == "/" || c.String("root") == "" {
		return fmt.Errorf("cannot use --root %q: it must be a folder of its own", c.String("root"))
	}
	if !c.IsSet("root") && root != "/run/blackhole" {
		if err := makeUserRoot(root); err != nil {
			return err
		}
	}
	return c.Set("root", root)
}

// makeUserRoot makes the state folder below XDG_RUNTIME_DIR. The sticky bit
// keeps it from being tidied away (XDG Base Directory Specification).
func makeUserRoot(root string) error {
	err := os.MkdirAll(root, 0o700)
	if err == nil {
		err = os.Chmod(root, 0o700|fs.ModeSticky)
	}
	if err != nil {
		return fmt.Errorf("cannot use $XDG_RUNTIME_DIR, which must be yours to write: %w", err)
	}
	return nil
}

// newRuntime is the runtime that the global flags describe.
func newRuntime(c *cli.Context) *runtime.Runtime {
	auto, _ := rootless(c) // checked in before
	return &runtime.Runtime{
		Root:          c.String("root"),
		SystemdCgroup: c.Bool("systemd-cgroup"),
		Rootless:      auto,
		Compiled:      runtime.DefaultCompiled(),
		Network:       newOwnHooks(),
		Warn:          func(err error) { logrus.Warn(oneLine(err)) },
	}
}

// rootless is --rootless; nil is auto.
func rootless(c *cli.Context) (*bool, error) {
	s := c.String("rootless")
	if s == "" || strings.EqualFold(s, "auto") {
		return nil, nil
	}
	b, err := strconv.ParseBool(s)
	if err != nil {
		return nil, fmt.Errorf("cannot use --rootless %q: it is true, false or auto", s)
	}
	return &b, nil
}

// printVersion keeps runc's form, which engines parse.
func printVersion(c *cli.Context) {
	w := c.App.Writer
	fmt.Fprintln(w, "blackhole version", version)
	if commit != "" {
		fmt.Fprintln(w, "commit:", commit)
	}
	fmt.Fprintln(w, "spec:", specs.Version)
	fmt.Fprintln(w, "go:", goruntime.Version())
	if v := runtime.SeccompVersion(); v != "" {
		fmt.Fprintln(w, "libseccomp:", v)
	}
}

// noCommand is what happens without a command, or with one that there is not.
func noCommand(c *cli.Context) error {
	if !c.Args().Present() {
		return cli.ShowAppHelp(c)
	}
	name := c.Args().First()
	hint := "blackhole --help lists them"
	// There always is a nearest one; one that begins differently is mostly
	// not what was meant.
	if near := cli.SuggestCommand(c.App.Commands, name); near != "" {
		if _, meant, ok := strings.Cut(near, `"`); ok && meant[0] == name[0] {
			hint = `did you mean "` + strings.TrimSuffix(meant, `"?`) + `"?`
		}
	}
	return cli.Exit(fmt.Errorf("unknown command %q; %s", name, hint), 3) // as runc
}

// usageError is a command line that cannot be read.
func usageError(c *cli.Context, err error, _ bool) error {
	name := c.App.Name
	if c.Command != nil && c.Command.HelpName != "" {
		name = c.Command.HelpName // as one types it, with the command above it
	}
	return fmt.Errorf("%s: %w; see %s --help", name, err, name)
}

// wantArgs checks the number of arguments; most stands for an open end if it
// is below least.
func wantArgs(c *cli.Context, least, most int) error {
	n := c.NArg()
	if n >= least && (n <= most || most < least) {
		return nil
	}
	var want string
	switch {
	case least == most && least == 0:
		want = "no arguments"
	case least == most && least == 1:
		want = "one argument"
	case least == most:
		want = fmt.Sprintf("%d arguments", least)
	case n < least:
		want = fmt.Sprintf("at least %d argument(s)", least)
	default:
		want = fmt.Sprintf("at most %d arguments", most)
	}
	given := "none"
	if n > 0 {
		given = fmt.Sprintf("%d (%s)", n, strings.Join(c.Args().Slice(), " "))
	}
	return usageError(c, fmt.Errorf("takes %s, not %s", want, given), true)
}
