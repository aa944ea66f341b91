package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"

	"blackhole/internal/cleanup"
)

// CriuOptions is how criu(8) saves the processes of a container, or restores
// them. Images must be set. What is meant for one of both alone says so.
type CriuOptions struct {
	// Images is the folder of the images, made on demand by Checkpoint.
	Images string
	// Work is the folder of criu's logs and statistics, default Images.
	Work string
	// TCPEstablished saves open TCP connections, ExtUnixSk sockets whose other
	// end is outside, ShellJob a terminal that is the caller's, FileLocks locks.
	TCPEstablished, ExtUnixSk, ShellJob, FileLocks bool
	// AutoDedup drops memory from images that a later one has too.
	AutoDedup bool
	// LazyPages leaves memory behind until it is used (userfaultfd(2)).
	LazyPages bool
	// CgroupsMode is soft, full, strict, ignore or empty, see criu's
	// --manage-cgroups.
	CgroupsMode string
	// EmptyNs are namespaces that are made but not filled: "network" alone,
	// which is always so, because a network is not the runtime's.
	EmptyNs []string

	// Parent, of Checkpoint: an earlier PreDump's images, relative to Images.
	Parent string
	// LeaveRunning, of Checkpoint, keeps the container; PreDump saves its
	// memory alone and keeps it.
	LeaveRunning, PreDump bool
	// TCPSkipInFlight, of Checkpoint, passes over connections that are being
	// made; LinkRemap gives files without a name one for the time.
	TCPSkipInFlight, LinkRemap bool
	// StatusFd, of Checkpoint with LazyPages, gets a zero byte when the pages
	// can be asked for; -1 is none.
	StatusFd int
	// PageServer, of Checkpoint, is ADDRESS:PORT to send memory to.
	PageServer string

	// LSMProfile (TYPE:NAME) and LSMMountContext, of Restore, replace those
	// of the images.
	LSMProfile, LSMMountContext string
}

// Checkpoint saves the processes of a running or paused container with criu,
// and removes the container unless it is to be left running. After a failure
// it runs on.
func (r *Runtime) Checkpoint(id string, o CriuOptions) error {
	if err := r.checkpoint(id, &o); err != nil {
		return fmt.Errorf("cannot checkpoint container %q: %w", id, err)
	}
	return nil
}

func (r *Runtime) checkpoint(id string, o *CriuOptions) (err error) {
	c, err := r.load(id)
	if err != nil {
		return err
	}
	status, err := c.Status()
	if err != nil {
		return err
	}
	if status == libcontainer.Created || status == libcontainer.Stopped {
		return fmt.Errorf("%w: it is %s", libcontainer.ErrNotRunning, status)
	}
	criu, err := o.criu()
	if err != nil {
		return err
	}
	if err := r.tellAllMounts(c); err != nil {
		return err
	}
	var undo cleanup.Stack
	defer func() {
		if err != nil {
			r.warn(undo.Run())
		}
	}()
	if err := makeImages(o.Images, &undo); err != nil {
		return err
	}
	if err := o.checkParent(); err != nil {
		return err
	}
	if err := c.Checkpoint(criu); err != nil {
		return o.explain(err, "dump.log")
	}
	if !o.LeaveRunning && !o.PreDump {
		return r.delete(id, true)
	}
	return nil
}

// tellAllMounts puts what was made ahead into the configuration that criu is told.
func (r *Runtime) tellAllMounts(c *libcontainer.Container) error {
	rec, err := r.peekRecord(c.ID())
	if err != nil || rec.Whole == nil {
		return err
	}
	config := c.Config()
	rec.Whole.Undo(&config)
	return c.Set(config)
}

// makeImages makes the folder and those above it. What a failure leaves there
// is criu's log, which tells why, so that only empty ones go away again.
func makeImages(dir string, undo *cleanup.Stack) error {
	var made []string
	for d := filepath.Clean(dir); missing(d); d = filepath.Dir(d) {
		made = append(made, d)
	}
	undo.Add(func() error {
		for _, d := range made {
			if os.Remove(d) != nil {
				break
			}
		}
		return nil
	})
	return os.MkdirAll(dir, 0o700) // memory of the container is in it
}

// explain adds to an error of criu's, which says little, the last one of its
// log that says what went wrong.
func (o *CriuOptions) explain(err error, log string) error {
	dir := o.Work
	if dir == "" {
		dir = o.Images
	}
	path := filepath.Join(dir, log)
	data, rerr := os.ReadFile(path)
	if rerr != nil {
		return err // it did not come as far as that
	}
	cause := ""
	for line := range strings.Lines(string(data)) {
		// (00.251603) Error (criu/net.c:3071): Locking network failed
		_, text, found := strings.Cut(strings.TrimSpace(line), "Error (")
		_, text, placed := strings.Cut(text, "): ")
		if found && placed && !strings.HasSuffix(text, " FAILED.") && !strings.HasPrefix(text, "exited, status=") {
			cause = text
		}
	}
	if cause == "" {
		return err
	}
	return fmt.Errorf("%w: %s (%s)", err, cause, path)
}

// checkParent: criu follows the path from the images' folder.
func (o *CriuOptions) checkParent() error {
	if o.Parent == "" {
		return nil
	}
	if filepath.IsAbs(o.Parent) {
		return fmt.Errorf("parent path %q must be relative to the images", o.Parent)
	}
	path := filepath.Join(o.Images, o.Parent)
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "stat", Path: path, Err: unix.ENOTDIR}
	}
	return err
}

// criu translates the options, and looks whether criu is there at all.
func (o *CriuOptions) criu() (*libcontainer.CriuOpts, error) {
	if _, err := exec.LookPath("criu"); err != nil {
		return nil, fmt.Errorf("%w; it comes with the package criu", err)
	}
	switch o.CgroupsMode {
	case "", "soft", "full", "strict", "ignore":
	default:
		return nil, fmt.Errorf("cgroups mode %q is not soft, full, strict or ignore", o.CgroupsMode)
	}
	for _, ns := range o.EmptyNs {
		if ns != "network" {
			return nil, fmt.Errorf("namespace %q cannot be left empty, only network", ns)
		}
	}
	server, err := pageServer(o.PageServer)
	if err != nil {
		return nil, err
	}
	return &libcontainer.CriuOpts{
		ImagesDirectory:         o.Images,
		WorkDirectory:           o.Work,
		ParentImage:             o.Parent,
		LeaveRunning:            o.LeaveRunning,
		PreDump:                 o.PreDump,
		TcpEstablished:          o.TCPEstablished,
		TcpSkipInFlight:         o.TCPSkipInFlight,
		LinkRemap:               o.LinkRemap,
		ExternalUnixConnections: o.ExtUnixSk,
		ShellJob:                o.ShellJob,
		FileLocks:               o.FileLocks,
		AutoDedup:               o.AutoDedup,
		LazyPages:               o.LazyPages,
		StatusFd:                o.StatusFd,
		PageServer:              server,
		ManageCgroupsMode:       o.CgroupsMode,
		EmptyNs:                 unix.CLONE_NEWNET,
		LsmProfile:              o.LSMProfile,
		LsmMountContext:         o.LSMMountContext,
	}, nil
}

func pageServer(s string) (server libcontainer.CriuPageServerInfo, err error) {
	if s == "" {
		return server, nil
	}
	host, port, err := net.SplitHostPort(s)
	if err == nil && host == "" {
		err = errors.New("address is missing")
	}
	if err != nil {
		return server, fmt.Errorf("page server %q is not ADDRESS:PORT: %w", s, err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return server, fmt.Errorf("page server %q has no port between 1 and 65535", s)
	}
	return libcontainer.CriuPageServerInfo{Address: host, Port: int32(n)}, nil
}
