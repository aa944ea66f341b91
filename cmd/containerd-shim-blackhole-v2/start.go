package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	bootstrap "github.com/containerd/containerd/api/runtime/bootstrap/v1"
	"github.com/containerd/containerd/api/types/runc/options"
	runtimeoptions "github.com/containerd/containerd/api/types/runtimeoptions/v1"
	"github.com/containerd/containerd/v2/defaults"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/shim"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"blackhole/cmd/containerd-shim-blackhole-v2/task"
	"blackhole/internal/cleanup"
)

const (
	// addressEnv tells the shim its own address, which it removes at its end.
	addressEnv = "BLACKHOLE_SHIM_ADDRESS"
	// addressFile in the bundle is where containerd 1.6 finds a shim again.
	addressFile = "address"
	// askedMost bounds what is read from containerd.
	askedMost = 10 << 20
)

// start starts a shim for the container whose bundle is the working directory,
// unless one serves its pod already, and tells its address.
//
// containerd has asked in two ways. Since 2.3 both sides speak BootstrapParams
// and BootstrapResult. Before, the runtime's options are on standard input, and
// the answer is the address alone, which 1.x and 2.x take for version 2 of the
// task API. Only the first kind of question says that version 3 is understood.
func start(f flags, in io.Reader, out io.Writer) error {
	if f.id == "" || f.namespace == "" {
		return errors.New("-id and -namespace are missing")
	}
	input, err := io.ReadAll(io.LimitReader(in, askedMost))
	if err != nil {
		return fmt.Errorf("cannot read what containerd asks for: %w", err)
	}
	asked, err := parseAsked(f, input)
	if err != nil {
		return err
	}
	address, err := serve(f, asked)
	if err != nil {
		return err
	}
	if !asked.bootstrap {
		_, err = io.WriteString(out, address)
		return err
	}
	answer, err := proto.Marshal(&bootstrap.BootstrapResult{Version: 3, Address: address, Protocol: "ttrpc"})
	if err != nil {
		return err
	}
	_, err = out.Write(answer)
	return err
}

// asked is what containerd says on standard input.
type asked struct {
	bootstrap bool
	debug     bool
	socketDir string
	options   task.Options
}

func parseAsked(f flags, input []byte) (asked, error) {
	a := asked{debug: f.debug, socketDir: filepath.Join(defaults.DefaultStateDir, "s")}
	message := &anypb.Any{}
	var params bootstrap.BootstrapParams
	// Options can be read as parameters too, but then not with this identity.
	if err := proto.Unmarshal(input, &params); err == nil && len(input) > 0 && params.InstanceID == f.id && params.Namespace == f.namespace {
		a.bootstrap = true
		a.debug = a.debug || params.LogLevel <= bootstrap.LogLevel_LOG_LEVEL_DEBUG
		if dir := params.GetSocketDir(); dir != "" {
			a.socketDir = dir
		}
		for _, e := range params.Extensions {
			if v := e.GetValue(); v.MessageIs(&options.Options{}) || v.MessageIs(&runtimeoptions.Options{}) {
				message = v
			}
		}
	} else if err := proto.Unmarshal(input, message); err != nil {
		return a, fmt.Errorf("cannot read the runtime's options: %w", err)
	}
	var err error
	a.options, err = task.ReadOptions(message)
	return a, err
}

// serve returns the address of the shim for the container's group.
func serve(f flags, a asked) (string, error) {
	group, err := readGroup(f.id)
	if err != nil {
		return "", err
	}
	ctx := namespaces.WithNamespace(context.Background(), f.namespace)
	address, err := shim.CreateSocketAddress(ctx, a.socketDir, f.address, group, false)
	if err != nil {
		return "", err
	}
	var undo cleanup.Stack
	defer func() { _ = undo.Run() }()
	socket, err := listen(address)
	if err != nil {
		return "", err
	}
	if socket != nil { // nil where a shim serves the group
		defer socket.Close()
		undo.Add(func() error { return shim.RemoveSocket(address) })
		if err := spawn(f, a, address, socket, &undo); err != nil {
			return "", err
		}
	}
	if err := os.WriteFile(addressFile, []byte(address), 0o644); err != nil {
		return "", err
	}
	undo.Release()
	return address, nil
}

// listen makes the socket, in place of one that a shim left which was killed. It
// returns nil where a shim answers.
func listen(address string) (*os.File, error) {
	l, err := shim.NewSocket(address)
	if shim.SocketEaddrinuse(err) {
		if shim.CanConnect(address) {
			return nil, nil
		}
		if err := shim.RemoveSocket(address); err != nil {
			return nil, fmt.Errorf("cannot remove a dead shim's socket: %w", err)
		}
		l, err = shim.NewSocket(address)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen: %w", err)
	}
	defer l.Close()
	l.SetUnlinkOnClose(false) // it is the shim's from here on
	return l.File()
}

// spawn starts the shim itself, which finds its socket as descriptor 3.
func spawn(f flags, a asked, address string, socket *os.File, undo *cleanup.Stack) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, "-namespace", f.namespace, "-id", f.id, "-address", f.address)
	if a.debug {
		cmd.Args = append(cmd.Args, "-debug")
	}
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", addressEnv+"="+address)
	cmd.ExtraFiles = []*os.File{socket}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	undo.Add(func() error {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil
	})
	if path := a.options.ShimCgroup; path != "" {
		if err := enterCgroup(path, cmd.Process.Pid); err != nil {
			return err
		}
	}
	// The kernel is to prefer it over containerd when memory is short.
	return shim.AdjustOOMScore(cmd.Process.Pid)
}
