package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// notifyDir is the folder of the socket, in the container's folder and below
// /run in the container.
const notifyDir = "notify"

// notifySocket hands a container's READY=1 (sd_notify(3)) on to the service
// manager. The manager believes only processes of the service's own cgroup,
// and the container is in another, so it cannot speak for itself. A nil one
// does nothing.
type notifySocket struct {
	host string // the service manager's
	path string // the container's, on the host
	conn *net.UnixConn
}

func newNotifySocket(root, id, host string) *notifySocket {
	if host == "" {
		return nil
	}
	return &notifySocket{host: host, path: filepath.Join(root, id, notifyDir, "notify.sock")}
}

// addTo shows the socket's folder to the container. The socket is made later
// than the mount, so it is the folder that is mounted.
func (n *notifySocket) addTo(spec *specs.Spec) {
	if n == nil {
		return
	}
	spec.Mounts = append(spec.Mounts, specs.Mount{
		Destination: filepath.Join("/run", notifyDir),
		Source:      filepath.Dir(n.path),
		Options:     []string{"bind", "nosuid", "noexec", "nodev", "ro"},
	})
	spec.Process.Env = append(spec.Process.Env, "NOTIFY_SOCKET="+filepath.Join("/run", notifyDir, "notify.sock"))
}

func (n *notifySocket) makeDir() error {
	if n == nil {
		return nil
	}
	return os.Mkdir(filepath.Dir(n.path), 0o755)
}

func (n *notifySocket) listen() error {
	if n == nil {
		return nil
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: n.path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("cannot listen for the container's notifications: %w", err)
	}
	// The program may be any user.
	if err := os.Chmod(n.path, 0o777); err != nil {
		conn.Close()
		return err
	}
	n.conn = conn
	return nil
}

func (n *notifySocket) close() {
	if n != nil && n.conn != nil {
		n.conn.Close()
	}
}

// relay waits for READY= of the container whose first process is init, and
// tells the manager so, with mainPid as the process to watch. It returns
// without when the container ends first.
func (n *notifySocket) relay(init, mainPid int) error {
	if n == nil || n.conn == nil {
		return nil
	}
	ready, err := n.waitReady(init)
	if err != nil || ready == nil {
		return err
	}
	client, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.host, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("cannot reach the service manager: %w", err)
	}
	defer client.Close()
	for _, message := range [][]byte{append(ready, '\n'), []byte("MAINPID=" + strconv.Itoa(mainPid) + "\n")} {
		if _, err := client.Write(message); err != nil {
			return fmt.Errorf("cannot notify the service manager: %w", err)
		}
	}
	return barrier(client)
}

// waitReady returns the line with READY=, or nil if the container ends first.
func (n *notifySocket) waitReady(init int) ([]byte, error) {
	buf := make([]byte, 4096) // systemd's messages are one datagram each
	for {
		if err := n.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			return nil, err
		}
		length, err := n.conn.Read(buf)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if unix.Kill(init, 0) == unix.ESRCH {
				return nil, nil
			}
			continue
		case errors.Is(err, net.ErrClosed):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("cannot read the container's notification: %w", err)
		}
		for line := range bytes.SplitSeq(buf[:length], []byte{'\n'}) {
			if bytes.HasPrefix(line, []byte("READY=")) {
				return bytes.Clone(line), nil
			}
		}
	}
}

// barrier waits until the manager has read what was sent before, up to 30 s,
// because it looks the sender up by its pid and this process may end at once:
// it closes the descriptor that comes with BARRIER=1. See
// sd_notify_barrier(3), systemd 246.
func barrier(client *net.UnixConn) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	defer w.Close()
	// Not by WriteMsgUnix, which refuses datagram sockets that are connected.
	raw, err := client.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	err = raw.Write(func(fd uintptr) bool {
		serr = unix.Sendmsg(int(fd), []byte("BARRIER=1"), unix.UnixRights(int(w.Fd())), nil, 0)
		return !errors.Is(serr, unix.EAGAIN) && !errors.Is(serr, unix.EINTR)
	})
	if err = errors.Join(err, serr); err != nil {
		return fmt.Errorf("cannot notify the service manager: %w", err)
	}
	w.Close()
	if err := r.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	// End of file is the answer; an older manager gives none, which is borne.
	_, _ = r.Read(make([]byte, 1))
	return nil
}
