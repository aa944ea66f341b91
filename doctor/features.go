package doctor

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// feature is a part of the kernel, as a module and as its build option.
type feature struct{ module, option string }

// features checks what the network of services needs, see docs/network.md, and
// pidfds, by which the supervisor knows of their end.
func (h *Host) features() []Check {
	k := h.kernelParts()
	found := []Check{
		k.check("network", "services can have no network of their own", []feature{
			{"bridge", "CONFIG_BRIDGE"}, {"veth", "CONFIG_VETH"}, {"nf_tables", "CONFIG_NF_TABLES"},
			{"nft_nat", "CONFIG_NFT_NAT"}, {"nft_masq", "CONFIG_NFT_MASQ"}, {"nft_fib_inet", "CONFIG_NFT_FIB_INET"},
		}),
		k.check("bandwidth", "the bandwidth of services cannot be limited", []feature{
			{"sch_tbf", "CONFIG_NET_SCH_TBF"}, {"ifb", "CONFIG_IFB"}, {"sch_ingress", "CONFIG_NET_SCH_INGRESS"},
			{"cls_u32", "CONFIG_NET_CLS_U32"}, {"act_mirred", "CONFIG_NET_ACT_MIRRED"},
		}),
		k.frames(),
	}
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return append(found, Check{"pidfd", Fault, "pidfd_open: " + err.Error(), "Linux 5.3, and a container engine around this one that lets it through"})
	}
	unix.Close(fd)
	return append(found, Check{"pidfd", OK, "the end of services is told by the kernel", ""})
}

// frames checks what only the options of the kernel's build tell, for it is no
// module: the rules of bridges that let only genuine frames in.
func (k *kernelParts) frames() Check {
	const name, option = "network frames", "CONFIG_NF_TABLES_BRIDGE"
	switch {
	case k.options[option]:
		return Check{name, OK, "services speak for themselves alone", ""}
	case len(k.options) == 0:
		return Check{name, Warning, "cannot tell of " + option + ": the kernel's options cannot be read", ""}
	}
	return Check{name, Warning, option + " is not in this kernel: a service with CAP_NET_RAW or CAP_NET_ADMIN can send under its neighbours' addresses",
		"a kernel with it"}
}

// kernelParts is what the kernel is known to have.
type kernelParts struct {
	loaded, builtIn, loadable map[string]bool // modules
	options                   map[string]bool // of its build: those that are y or m
	known                     bool            // the options are known, or all modules
}

// check sums features up. What can be loaded is loaded when it is first used.
func (k *kernelParts) check(name, without string, features []feature) Check {
	var missing, loadable, unknown []string
	for _, f := range features {
		switch {
		case k.loaded[f.module], k.builtIn[f.module]:
		case k.loadable[f.module]:
			loadable = append(loadable, f.module)
		case k.options[f.option]:
		case k.known:
			missing = append(missing, f.module+" ("+f.option+")")
		default:
			unknown = append(unknown, f.module)
		}
	}
	switch {
	case missing != nil:
		modules := make([]string, len(missing))
		for i, m := range missing {
			modules[i], _, _ = strings.Cut(m, " ")
		}
		return Check{name, Fault, "missing: " + strings.Join(missing, ", ") + ": " + without,
			"a kernel with them, or its package of further modules; then modprobe -a " + strings.Join(modules, " ")}
	case unknown != nil:
		return Check{name, Warning, "cannot tell of " + strings.Join(unknown, ", ") + ": neither /proc/config.gz nor /lib/modules can be read", ""}
	case loadable != nil:
		return Check{name, OK, "all there; loaded when first used: " + strings.Join(loadable, ", "), ""}
	}
	return Check{name, OK, "all there", ""}
}

func (h *Host) kernelParts() *kernelParts {
	release := h.read("/proc/sys/kernel/osrelease")
	modules := filepath.Join("/lib/modules", release)
	k := &kernelParts{loaded: map[string]bool{}, builtIn: map[string]bool{}, loadable: map[string]bool{}, options: map[string]bool{}}
	for line := range strings.Lines(h.read("/proc/modules")) {
		name, _, _ := strings.Cut(line, " ")
		k.loaded[name] = true
	}
	for line := range strings.Lines(h.read(filepath.Join(modules, "modules.builtin"))) {
		k.builtIn[moduleName(line)] = true
	}
	for line := range strings.Lines(h.read(filepath.Join(modules, "modules.dep"))) {
		file, _, _ := strings.Cut(line, ":")
		k.loadable[moduleName(file)] = true
	}
	k.known = len(k.builtIn) > 0 && len(k.loadable) > 0
	var config []byte
	for _, path := range []string{"/boot/config-" + release, filepath.Join(modules, "config"), "/proc/config.gz"} {
		data, err := os.ReadFile(h.at(path))
		if err != nil {
			continue
		}
		if config = data; strings.HasSuffix(path, ".gz") {
			config = unpack(data)
		}
		break
	}
	canLoad := bytes.Contains(config, []byte("CONFIG_MODULES=y"))
	for line := range bytes.Lines(config) {
		option, value, set := strings.Cut(strings.TrimSpace(string(line)), "=")
		// What is a module is there only where the modules are.
		k.options[option] = set && (value == "y" || value == "m" && canLoad && !k.known)
	}
	k.known = k.known || len(config) > 0
	return k
}

// moduleName is that of a module's file: kernel/net/bridge/bridge.ko.xz. The
// kernel takes - and _ for the same.
func moduleName(file string) string {
	name, _, _ := strings.Cut(filepath.Base(strings.TrimSpace(file)), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// unpack is gzip -dc; nil where there is no gzip. The package compress/gzip would
// add to the start of a program that starts several times for a container.
func unpack(data []byte) []byte {
	gzip := exec.Command("gzip", "-dc")
	gzip.Stdin = bytes.NewReader(data)
	out, err := gzip.Output()
	if err != nil {
		return nil
	}
	return out
}
