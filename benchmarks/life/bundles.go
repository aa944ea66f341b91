package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"blackhole/hooks/params"
)

// variant is one bundle that all runtimes run.
type variant struct {
	name   string
	bundle string
}

// variantNames, and what each adds to the default config.json that runc and
// blackhole write: plain takes the network namespace away, the others but
// seccomp have it.
var variantNames = []string{"plain", "seccomp", "netns", "hook"}

// writeVariant writes one variant's bundle. Its program sleeps.
func writeVariant(name, folder, blackhole string) (variant, error) {
	v := variant{name: name, bundle: filepath.Join(folder, "bundle-"+name)}
	bin := filepath.Join(v.bundle, "rootfs", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return v, err
	}
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return v, err
	}
	for _, applet := range []string{"sleep", "true"} {
		if err := os.WriteFile(filepath.Join(bin, applet), busybox, 0o755); err != nil {
			return v, err
		}
	}
	if out, err := exec.Command(blackhole, "spec", "--bundle", v.bundle).CombinedOutput(); err != nil {
		return v, fmt.Errorf("%s spec: %w: %s", blackhole, err, out)
	}
	file := filepath.Join(v.bundle, "config.json")
	data, err := os.ReadFile(file)
	if err != nil {
		return v, err
	}
	var c specs.Spec
	if err := json.Unmarshal(data, &c); err != nil {
		return v, err
	}
	if err := adapt(&c, name, blackhole); err != nil {
		return v, err
	}
	if data, err = json.Marshal(c); err != nil {
		return v, err
	}
	return v, os.WriteFile(file, data, 0o644)
}

func adapt(c *specs.Spec, name, blackhole string) error {
	c.Version = "1.0.2" // crun before 1.9 refuses anything newer
	c.Process.Args = []string{"/bin/sleep", "1000"}
	c.Process.Terminal = false
	c.Root.Readonly = false
	var err error
	switch name {
	case "plain":
	case "seccomp":
		c.Linux.Seccomp, err = seccomp.GetDefaultProfile(c)
	case "netns":
		return nil
	case "hook":
		rate := uint64(1250000)
		c.Annotations = params.Params{
			Mode: params.Isolated, Bridge: "bench0", Subnet: netip.MustParsePrefix("10.99.0.0/16"), Masquerade: true,
			IngressRate: rate, EgressRate: rate,
		}.Annotations()
		c.Hooks = params.Hooks(blackhole)
		return nil
	default:
		return fmt.Errorf("cannot use variant %q: it is one of %q", name, variantNames)
	}
	c.Linux.Namespaces = slices.DeleteFunc(c.Linux.Namespaces, func(n specs.LinuxNamespace) bool {
		return n.Type == specs.NetworkNamespace
	})
	return err
}
