package params

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func here() (string, error) { return "/bin/blackhole", nil }

func TestAddHooks(t *testing.T) {
	rate := map[string]string{KubernetesIngress: "10M"}
	with := func(more ...string) map[string]string {
		all := map[string]string{KubernetesIngress: "10M"}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	for name, row := range map[string]struct {
		annotations map[string]string
		want        bool
	}{
		"none":                      {nil, false},
		"somebody else's":           {map[string]string{"io.kubernetes.cri.container-type": "sandbox"}, false},
		"Kubernetes'":               {rate, true},
		"ours":                      {map[string]string{Prefix + "egress-rate": "5000"}, true},
		"a sandbox":                 {with("io.kubernetes.cri.container-type", "sandbox"), true},
		"a container of a sandbox":  {with("io.kubernetes.cri.container-type", "container"), false},
		"the same under CRI-O":      {with("io.kubernetes.cri-o.ContainerType", "container"), false},
		"a service in another's":    {with(Prefix+"mode", Joined), true},
		"a service of its own":      {with(Prefix+"mode", Isolated), false},
		"mode none":                 {with(Prefix+"mode", None), false},
		"joined, without bandwidth": {map[string]string{Prefix + "mode": Joined}, false},
	} {
		config := &specs.Spec{
			Annotations: row.annotations,
			Linux:       &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.NetworkNamespace, Path: "/run/netns/x"}}},
			Hooks:       &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/first"}}, Poststart: []specs.Hook{{Path: "/bin/other"}}},
		}
		before := config.Hooks.CreateRuntime
		for range 2 { // a second time they are there
			if err := AddHooks(config, here); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		var paths []string
		for _, h := range slices.Concat(config.Hooks.CreateRuntime, config.Hooks.Poststop, config.Hooks.Poststart) {
			paths = append(paths, strings.Join(append([]string{h.Path}, h.Args...), " "))
		}
		want := []string{"/bin/first", "/bin/other"}
		if row.want {
			want = []string{"/bin/first", "/bin/blackhole blackhole hook createRuntime", "/bin/blackhole blackhole hook poststop", "/bin/other"}
		}
		if !slices.Equal(paths, want) || len(before) != 1 {
			t.Errorf("%s: got %q, want %q", name, paths, want)
		}
	}
}

func TestAddHooksRefuses(t *testing.T) {
	network := []specs.LinuxNamespace{{Type: specs.NetworkNamespace}}
	for name, row := range map[string]struct {
		annotations map[string]string
		namespaces  []specs.LinuxNamespace
		out         string
	}{
		"a value that cannot be read": {map[string]string{KubernetesEgress: "10X"}, network, `cannot read annotation kubernetes.io/egress-bandwidth="10X": not a quantity`},
		"the host's network":          {map[string]string{KubernetesEgress: "8M"}, nil, "it is in the host's network"},
	} {
		config := &specs.Spec{Annotations: row.annotations, Linux: &specs.Linux{Namespaces: row.namespaces}}
		if err := AddHooks(config, here); err == nil || !strings.Contains(err.Error(), row.out) || config.Hooks != nil {
			t.Errorf("%s: got %v and hooks %v, want %q", name, err, config.Hooks, row.out)
		}
	}
	config := &specs.Spec{Annotations: map[string]string{KubernetesEgress: "8M"}, Linux: &specs.Linux{Namespaces: network}}
	err := AddHooks(config, func() (string, error) { return "", errors.New("nowhere") })
	if err == nil || !strings.Contains(err.Error(), "cannot find blackhole, which its annotations need for their network hooks: nowhere") {
		t.Errorf("without the program: %v", err)
	}
}
