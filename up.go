//go:build !oci

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"blackhole/bundle"
	"blackhole/hooks"
	"blackhole/hooks/params"
	"blackhole/internal/ownthread"
	"blackhole/netstats"
	"blackhole/spec"
	"blackhole/spec/host"
	"blackhole/supervisor"
)

func upCommand() *cli.Command {
	return &cli.Command{
		Name:      "up",
		Category:  ofServices,
		Usage:     "start services in the order of their dependencies and supervise them",
		ArgsUsage: "[SERVICE…]",
		Description: "Without SERVICE all of the configuration; with it those and what they depend on. Stays in\n" +
			"the foreground; SIGINT and SIGTERM stop the services and end it, SIGQUIT ends it alone:\n" +
			"the services go on, and the next up takes them over, as it does after a crash.\n" +
			"SIGHUP applies the file as it is now, see apply. With --detach, exits once every service is\n" +
			"up, with 1 if one is not.",
		Flags: []cli.Flag{
			configFlag(),
			&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "supervise in the background"},
			&cli.StringFlag{Name: "group", Usage: "let members of `GROUP` use the control socket and read the logs"},
			&cli.StringFlag{Name: "metrics", Usage: "serve Prometheus metrics by HTTP on `ADDRESS`, [HOST]:PORT"},
			&cli.IntFlag{Name: "report-fd", Hidden: true, Value: -1},
		},
		Action: func(c *cli.Context) error {
			if c.Bool("detach") && c.Int("report-fd") < 0 {
				return upDetached(c)
			}
			report := openReport(c.Int("report-fd"))
			err := up(c, report)
			report.end(err)
			return err
		},
	}
}

// paths are the supervisor's for the state folder of the global flags.
func paths(c *cli.Context) supervisor.Paths {
	root := c.String("root")
	return supervisor.Paths{Root: root, Logs: supervisor.DefaultLogs(root)}
}

// up supervises in this process.
func up(c *cli.Context, report *report) error {
	group, err := groupID(c.String("group"))
	if err != nil {
		return err
	}
	own, err := configPaths(c)
	if err != nil {
		return err
	}
	o := supervisor.Options{
		Paths:   paths(c),
		Runtime: newRuntime(c),
		Load: func(files []string) (*spec.Config, error) {
			if files == nil {
				files = own
			}
			return loadValid(files)
		},
		Bundle: func(config *spec.Config, name string) (bundle.Contents, []string, error) {
			return serviceBundle(config, name)
		},
		Shape:    shapeNetwork,
		Notify:   notifyManager,
		Services: c.Args().Slice(),
		Group:    group,
		Metrics:  c.String("metrics"),
		Version:  version,
		Commit:   commit,
		Network:  netstats.Meter(),
		Settled: func() {
			report.end(nil)
			notifyManager(fmt.Sprintf("READY=1\nMAINPID=%d", os.Getpid()))
		},
		Out: c.App.ErrWriter,
	}
	stop, leave, reload := make(chan os.Signal, 2), make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGINT, unix.SIGTERM)
	signal.Notify(leave, unix.SIGQUIT)
	signal.Notify(reload, unix.SIGHUP)
	hooks.KeepFirewall()
	return ownthread.Beside(func() error { // see main
		return supervisor.Run(o, supervisor.Signals{Stop: stop, Leave: leave, Reload: reload})
	})
}

// loadValid reads the configuration and fails with everything that is wrong in
// it or lacking on this host.
func loadValid(files []string) (*spec.Config, error) {
	config, err := spec.Load(files)
	var unread spec.Faults
	if err != nil && (!errors.As(err, &unread) || config == nil) {
		return nil, err
	}
	faults, _ := config.CheckHost(host.New())
	if all := config.Sorted(unread, config.Check(), faults); len(all) > 0 {
		return nil, all
	}
	return config, nil
}

// serviceBundle translates one service for this host.
func serviceBundle(config *spec.Config, name string) (bundle.Contents, []string, error) {
	t, warnings, err := translateService(config, name, nil)
	if err != nil {
		return bundle.Contents{}, nil, err
	}
	texts := t.Warnings
	for _, w := range warnings {
		texts = append(texts, w.Path+": "+w.Message)
	}
	return contents(t), texts, nil
}

// groupID is a group's number, by name or number; -1 for none.
func groupID(name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(n), nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, fmt.Errorf("cannot use --group %q: %w", name, err)
	}
	return strconv.Atoi(g.Gid)
}

// report is how a supervisor in the background tells the command that started
// it what became of it: "ready", or why not. A nil one tells nobody.
type report struct{ f *os.File }

const reportReady = "ready"

func openReport(fd int) *report {
	if fd < 0 {
		return nil
	}
	unix.CloseOnExec(fd) // the services must not hold it open
	return &report{os.NewFile(uintptr(fd), "report")}
}

func (r *report) end(err error) {
	if r == nil || r.f == nil {
		return
	}
	text := reportReady
	if err != nil {
		text = oneLine(err)
	}
	_, _ = io.WriteString(r.f, text) // nobody may be left to read it
	r.f.Close()
	r.f = nil
}

// upDetached starts this program again, in a session of its own, and waits until
// the services are up.
func upDetached(c *cli.Context) error {
	p := paths(c)
	if err := os.MkdirAll(p.Logs, 0o700); err != nil {
		return fmt.Errorf("cannot start the supervisor: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(p.Logs, "supervisor.out"), os.O_CREATE|os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW, 0o640)
	if err != nil {
		return fmt.Errorf("cannot start the supervisor: %w", err)
	}
	defer log.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("cannot start the supervisor: %w", err)
	}
	defer r.Close()
	args := slices.Concat(os.Args[1:], []string{"--report-fd=3"})
	if i := slices.Index(os.Args, "--"); i > 0 {
		args = slices.Insert(slices.Clone(os.Args[1:]), i-1, "--report-fd=3")
	}
	child := exec.Command("/proc/self/exe", args...)
	child.Args[0] = os.Args[0]
	child.Stdout, child.Stderr = log, log
	child.ExtraFiles = []*os.File{w}
	child.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	err = child.Start()
	w.Close()
	if err != nil {
		return fmt.Errorf("cannot start the supervisor: %w", err)
	}
	text, err := io.ReadAll(r)
	switch {
	case err != nil:
		return fmt.Errorf("cannot start the supervisor: %w", err)
	case len(text) == 0:
		return fmt.Errorf("cannot start the supervisor: it died; see %s", log.Name())
	case string(text) != reportReady:
		return errors.New(string(text))
	}
	// One that was up for a moment may be on its way again.
	reply, err := askPatiently(c.App.ErrWriter, p, supervisor.Request{Method: "status", Settled: true})
	if err != nil {
		return err
	}
	if err := printStatus(c.App.Writer, reply.Services); err != nil {
		return err
	}
	return notUp(reply.Services)
}

// notUp fails for services that are not up, and names them.
func notUp(services []supervisor.ServiceStatus) error {
	var names []string
	for _, s := range services {
		done := s.State == supervisor.Stopped && s.Exit != nil && s.Exit.Code == 0
		if s.State != supervisor.Running && !done {
			names = append(names, fmt.Sprintf("%s is %s", s.Name, s.State))
		}
	}
	if len(names) > 0 {
		return fmt.Errorf("cannot bring all services up: %s", strings.Join(names, ", "))
	}
	return nil
}

// shapeNetwork brings a service's network to the bandwidth of its bundle.
func shapeNetwork(service string, p params.Params) error {
	return new(hooks.Network).Shape(service, hooks.Bandwidth{
		IngressRate: p.IngressRate, EgressRate: p.EgressRate, IngressBurst: p.IngressBurst, EgressBurst: p.EgressBurst,
	})
}
