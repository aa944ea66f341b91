package hooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"blackhole/hooks/params"
)

// dieEnv makes the test binary a hook that kills itself after some steps: one
// deadlyHook as JSON.
const dieEnv = "HOOKS_TEST_DIE"

type deadlyHook struct {
	Folder, Names string
	Container     Container
	Params        params.Params
	Down          bool
	Steps         int // after which it dies
}

func runAndDie() {
	var d deadlyHook
	if err := json.Unmarshal([]byte(os.Getenv(dieEnv)), &d); err != nil {
		panic(err)
	}
	n := &Network{Folder: d.Folder, Names: d.Names, step: func() {
		if d.Steps--; d.Steps == 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}}
	var err error
	if d.Down {
		err = n.Down(d.Container.ID)
	} else {
		err = n.Up(d.Container, d.Params)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// killed runs a hook that dies after so many steps; false when it has fewer.
func (h *testHost) killed(c Container, p params.Params, down bool, steps int) bool {
	h.t.Helper()
	data, err := json.Marshal(deadlyHook{h.Folder, h.Names, c, p, down, steps})
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), dieEnv+"="+string(data))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false
	case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
		return true
	}
	h.t.Fatalf("the hook fails: %v\n%s", err, out)
	return false
}

// everything asks for all that a network can have.
func everything() params.Params {
	p := isolated()
	p.IngressRate, p.EgressRate = 10<<20, 10<<20
	p.Ports = published("8080:80/tcp", "5353:53/udp", "127.0.0.1:81:81/tcp")
	p.Interfaces = []string{"nic0"}
	return p
}

// nic gives the host an interface to move into a service. Its other end goes
// to another namespace, as a cable does.
func (h *testHost) nic() {
	h.t.Helper()
	far := h.process("far")
	h.run(fmt.Sprintf("ip link add nic0 type veth peer name nic1 netns %d; ip addr add 198.51.100.1/24 dev nic0; ip addr add fd98::1/64 dev nic0 nodad; ip link set nic0 up", far.PID))
	h.inside(far, "ip addr add 198.51.100.2/24 dev nic1; ip link set nic1 up")
}

func (h *testHost) nicIsBack() {
	h.t.Helper()
	out, err := h.try("ip -br addr show dev nic0 up")
	if err != nil || !strings.Contains(out, "198.51.100.1/24") || !strings.Contains(out, "fd98::1/64") {
		h.t.Errorf("the host's interface is not back as it was: %s", out)
	}
}

// Whatever step a hook is killed at, Down, gc and another Up each find all that
// it left.
func TestKilledHooks(t *testing.T) {
	t.Parallel()
	recover := map[string]func(h *testHost, c Container) error{
		"Down": func(h *testHost, c Container) error { return h.Down(c.ID) },
		"gc": func(h *testHost, c Container) error {
			syscall.Kill(c.PID, syscall.SIGKILL)
			for startTime(c.PID) != 0 {
			}
			found, err := h.Leftovers(func(string) bool { return false })
			for _, l := range found {
				err = errors.Join(err, l.Remove())
			}
			return err
		},
		"Up": func(h *testHost, c Container) error {
			return errors.Join(h.Up(c, everything()), h.Down(c.ID))
		},
	}
	name, here := inParts(t, slices.Sorted(maps.Keys(recover))...)
	if !here {
		return
	}
	again := recover[name]
	h := newHost(t)
	h.nic()
	steps := 1
	for ; ; steps++ {
		c := h.process("storage")
		if !h.killed(c, everything(), false, steps) {
			break
		}
		if h.left() == "" {
			t.Errorf("killed after step %d of Up: nothing to find, so nothing is tested", steps)
		}
		if err := again(h, c); err != nil {
			t.Errorf("%s after Up was killed at step %d: %v", name, steps, err)
		}
		h.nothingLeft()
		h.nicIsBack()
	}
	if steps < 8 {
		t.Errorf("Up has only %d steps", steps)
	}
	h.Down("storage")
	for steps = 1; ; steps++ {
		c := h.up("storage", everything())
		if !h.killed(c, everything(), true, steps) {
			break
		}
		if err := again(h, c); err != nil {
			t.Errorf("%s after Down was killed at step %d: %v", name, steps, err)
		}
		h.nothingLeft()
		h.nicIsBack()
	}
	if steps < 8 {
		t.Errorf("Down has only %d steps", steps)
	}
}
