package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	bootstrap "github.com/containerd/containerd/api/runtime/bootstrap/v1"
	api "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/api/types/runc/options"
	"github.com/containerd/ttrpc"
	"github.com/containerd/typeurl/v2"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"
)

// asShim makes this binary the shim's own.
const asShim = "BLACKHOLE_TEST_AS_SHIM"

func TestMain(m *testing.M) {
	if os.Getenv(asShim) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// shimOf runs the shim in a bundle as containerd does.
func shimOf(t *testing.T, bundle string, stdin []byte, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Dir = bundle
	cmd.Env = append(os.Environ(), asShim+"=1", "TTRPC_ADDRESS="+filepath.Join(bundle, "nobody"))
	cmd.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		t.Logf("stderr: %s", &stderr)
	}
	return stdout.String(), err
}

func newBundle(t *testing.T, annotations map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	data, err := json.Marshal(map[string]any{"annotations": annotations})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	// containerd reads the shim's log from here.
	log := filepath.Join(dir, "log")
	if err := unix.Mkfifo(log, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(log, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return dir
}

// sockets is a folder with a short path: a socket's has 107 characters at most.
func sockets(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "bhs") //nolint:usetesting // t.TempDir has the name of the test in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func params(t *testing.T, id, dir string) []byte {
	t.Helper()
	p := &bootstrap.BootstrapParams{InstanceID: id, Namespace: "ns", SocketDir: &dir}
	if err := p.AddExtension(&options.Options{SystemdCgroup: true}); err != nil {
		t.Fatal(err)
	}
	data, err := proto.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func dialShim(t *testing.T, address string) *ttrpc.Client {
	t.Helper()
	path, ok := strings.CutPrefix(address, "unix://")
	if !ok {
		t.Fatalf("address %q", address)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	client := ttrpc.NewClient(conn)
	var shim api.ConnectResponse
	if err := call(t, client, "v3", "Connect", &api.ConnectRequest{}, &shim); err != nil {
		t.Error(err)
	}
	t.Cleanup(func() {
		client.Close()
		if t.Failed() && shim.ShimPid != 0 {
			_ = unix.Kill(int(shim.ShimPid), unix.SIGKILL)
		}
	})
	return client
}

func call(t *testing.T, c *ttrpc.Client, version, method string, request, answer any) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return c.Call(ctx, "containerd.task."+version+".Task", method, request, answer)
}

func TestStartForContainerdOfTheBootstrapProtocol(t *testing.T) {
	dir := sockets(t)
	group := map[string]string{"io.kubernetes.cri.sandbox-id": "pod"}
	one, two := newBundle(t, group), newBundle(t, group)
	var address string
	for id, bundle := range map[string]string{"one": one, "two": two} {
		out, err := shimOf(t, bundle, params(t, id, dir), "-namespace", "ns", "-id", id, "-address", "/c", "start")
		if err != nil {
			t.Fatal(err)
		}
		var result bootstrap.BootstrapResult
		if err := proto.Unmarshal([]byte(out), &result); err != nil {
			t.Fatal(err)
		}
		if result.Version != 3 || result.Protocol != "ttrpc" {
			t.Errorf("result %v", &result)
		}
		if address != "" && address != result.Address {
			t.Errorf("the pod has two shims: %s and %s", address, result.Address)
		}
		address = result.Address
		if saved, err := os.ReadFile(filepath.Join(bundle, "address")); err != nil || string(saved) != address {
			t.Errorf("saved address %q, %v", saved, err)
		}
	}
	c := dialShim(t, address)
	var pids []uint32
	for _, version := range []string{"v2", "v3"} {
		var answer api.ConnectResponse
		if err := call(t, c, version, "Connect", &api.ConnectRequest{ID: "one"}, &answer); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, answer.ShimPid)
	}
	if pids[0] != pids[1] || pids[0] == 0 || pids[0] == uint32(os.Getpid()) {
		t.Errorf("processes %v", pids)
	}
	if err := call(t, c, "v3", "State", &api.StateRequest{ID: "one"}, &api.StateResponse{}); err == nil || !strings.Contains(err.Error(), "NotFound") {
		t.Errorf("state of no container: %v", err)
	}
	shutDown(t, c, pids[0], address)
}

// shutDown ends a shim that has no containers, and sees it gone with its socket.
func shutDown(t *testing.T, c *ttrpc.Client, pid uint32, address string) {
	t.Helper()
	if err := call(t, c, "v2", "Shutdown", &api.ShutdownRequest{}, &api.ConnectResponse{}); err != nil && !strings.Contains(err.Error(), "closed") {
		t.Error(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		// It may be this process's to reap, or init's.
		stat, err := os.ReadFile(filepath.Join("/proc", itoa(pid), "stat"))
		gone := err != nil || bytes.Contains(stat, []byte(") Z "))
		_, serr := os.Stat(strings.TrimPrefix(address, "unix://"))
		if gone && os.IsNotExist(serr) {
			return
		}
		if time.Now().After(deadline) {
			_ = unix.Kill(int(pid), unix.SIGKILL)
			t.Fatalf("gone: %v, socket: %v", gone, serr)
		}
	}
}

func TestStartForOlderContainerds(t *testing.T) {
	bundle := newBundle(t, nil)
	any, err := typeurl.MarshalAnyToProto(&options.Options{BinaryName: "runc"})
	if err != nil {
		t.Fatal(err)
	}
	input, err := proto.Marshal(any)
	if err != nil {
		t.Fatal(err)
	}
	id := "test-" + itoa(uint32(os.Getpid()))
	address, err := shimOf(t, bundle, input, "-namespace", "ns", "-id", id, "-address", "/c", "-publish-binary", "/bin/true", "start")
	if err != nil {
		t.Fatal(err)
	}
	c := dialShim(t, address) // the answer is the address and nothing else
	var answer api.ConnectResponse
	if err := call(t, c, "v2", "Connect", &api.ConnectRequest{ID: id}, &answer); err != nil {
		t.Fatal(err)
	}
	// A second start finds it, and a shim that was killed is replaced.
	if again, err := shimOf(t, bundle, nil, "-namespace", "ns", "-id", id, "-address", "/c", "start"); err != nil || again != address {
		t.Errorf("second start: %q, %v", again, err)
	}
	if err := unix.Kill(int(answer.ShimPid), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := c.UserOnCloseWait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out, err := shimOf(t, bundle, nil, "-namespace", "ns", "-id", id, "-address", "/c", "-bundle", bundle, "delete"); err != nil {
		t.Errorf("delete: %v", err)
	} else {
		var left api.DeleteResponse
		if err := proto.Unmarshal([]byte(out), &left); err != nil || left.ExitStatus != 137 {
			t.Errorf("delete says %v, %v", &left, err)
		}
	}
	if _, err := os.Stat(strings.TrimPrefix(address, "unix://")); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestStartThatCannotWork(t *testing.T) {
	for name, row := range map[string]struct {
		config string
		stdin  string
	}{
		"no config.json": {"", ""},
		"not JSON":       {"{", ""},
		"not options":    {"{}", "\xff\xff\xff"},
	} {
		bundle := t.TempDir()
		if row.config != "" {
			if err := os.WriteFile(filepath.Join(bundle, "config.json"), []byte(row.config), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		t.Chdir(bundle)
		var out bytes.Buffer
		if err := start(flags{namespace: "ns", id: "one", action: "start"}, strings.NewReader(row.stdin), &out); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := os.Stat("address"); out.Len() > 0 || err == nil {
			t.Errorf("%s: an address %q is told", name, &out)
		}
	}
	if err := start(flags{}, strings.NewReader(""), io.Discard); err == nil {
		t.Error("no error without an id")
	}
}

func TestInfo(t *testing.T) {
	out, err := shimOf(t, t.TempDir(), nil, "-info")
	if err != nil {
		t.Fatal(err)
	}
	var info types.RuntimeInfo
	if err := proto.Unmarshal([]byte(out), &info); err != nil {
		t.Fatal(err)
	}
	v, err := typeurl.UnmarshalAny(info.Features)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if info.Name != name || !bytes.Contains(data, []byte(`"ociVersionMin":"1.0.0"`)) {
		t.Errorf("info %v", &info)
	}
}

func TestGroup(t *testing.T) {
	for want, annotations := range map[string]map[string]string{
		"id":    {"x": "y"},
		"pod":   {"io.kubernetes.cri.sandbox-id": "pod"},
		"group": {"io.kubernetes.cri.sandbox-id": "pod", "io.containerd.runc.v2.group": "group"},
	} {
		t.Chdir(newBundle(t, annotations))
		if got, err := readGroup("id"); err != nil || got != want {
			t.Errorf("group %q, %v, want %q", got, err, want)
		}
	}
}

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
