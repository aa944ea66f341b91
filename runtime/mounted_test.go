package runtime

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runc/libcontainer/configs"
)

func TestWantedMounts(t *testing.T) {
	exists := func(p string) bool { return !strings.HasSuffix(p, "/none") }
	proc := &configs.Mount{Device: "proc", Destination: "/proc/"}
	sys := &configs.Mount{Device: "sysfs", Destination: "/sys"}
	config := func(mounts ...*configs.Mount) *configs.Config {
		return &configs.Config{
			Mounts: mounts, MaskPaths: []string{"/proc/kcore", "/proc/none", "/sys/firmware", "/etc/x"},
			ReadonlyPaths: []string{"/proc/sys", "/proc/sys/net/core", "/procx/y"},
		}
	}
	for name, test := range map[string]struct {
		config *configs.Config
		want   []string
	}{
		"both":               {config(proc, sys), []string{"/proc", "/proc/kcore", "/proc/sys", "/sys", "/sys/firmware"}},
		"the host's by bind": {config(&configs.Mount{Device: "bind", Destination: "/proc"}, sys), []string{"/sys", "/sys/firmware"}},
		"processes alone":    {config(&configs.Mount{Device: "proc", Destination: "/proc", Data: "subset=pid"}), []string{"/proc"}},
		"elsewhere":          {config(&configs.Mount{Device: "proc", Destination: "/other/proc"}), nil},
	} {
		if got := wantedMounts(test.config, exists); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestCheckKernelMounts(t *testing.T) {
	config := &configs.Config{
		Namespaces: configs.Namespaces{{Type: configs.NEWNS}},
		Mounts:     []*configs.Mount{{Device: "proc", Destination: "/proc"}},
	}
	if err := checkKernelMounts(kernelMounts(config), os.Getpid()); err != nil {
		t.Error(err)
	}
	config.MaskPaths = []string{"/proc/version"} // of this process, that is not masked
	if err := checkKernelMounts(kernelMounts(config), os.Getpid()); err == nil || !strings.Contains(err.Error(), "/proc/version") {
		t.Errorf("%v", err)
	}
	config.Namespaces = nil
	if err := checkKernelMounts(kernelMounts(config), os.Getpid()); err != nil {
		t.Errorf("without mounts of its own: %v", err)
	}
}
