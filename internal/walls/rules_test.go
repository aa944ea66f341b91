package walls

// module is this project's import path.
const module = "blackhole"

// Import paths of other modules' packages, or of all packages below one.
const (
	libcontainer = "github.com/opencontainers/runc"
	cgroups      = "github.com/opencontainers/cgroups"
	specsGo      = "github.com/opencontainers/runtime-spec/specs-go"
	libseccomp   = "github.com/seccomp/libseccomp-golang"
	netlink      = "github.com/vishvananda/netlink"
	netns        = "github.com/vishvananda/netns"
	yaml         = "go.yaml.in/yaml/v4"
	cli          = "github.com/urfave/cli/v2"
	logrus       = "github.com/sirupsen/logrus"
	moby         = "github.com/moby/sys"
	xsys         = "golang.org/x/sys"
	tcell        = "github.com/gdamore/tcell/v2"
	anything     = "*"
)

// wall is what the packages of one folder, and of those below without a wall of
// their own, may import beyond the standard library.
type wall struct {
	folder string   // "." is package main: flags and one call
	ours   []string // of this project's folders, with what is below them
	others []string // of other modules
}

// walls is the drawing of docs/ARCHITECTURE.md. The three that matter most: spec
// and runtime do not know each other, the bundle on disk stands between them;
// libcontainer stays inside runtime, netlink inside hooks, yaml inside spec;
// nothing imports a command.
func walls() []wall {
	return []wall{
		{
			folder: ".",
			ours: []string{
				"supervisor", "plan", "recommend", "history", "audit", "doctor", "recording", "top", "netstats", "spec", "bundle",
				"runtime", "hooks", "seccomp-profiles", "internal",
			},
			others: []string{cli, logrus, specsGo, xsys, "github.com/docker/go-units"},
		},
		{
			folder: "supervisor",
			ours:   []string{"supervisor", "history", "spec", "bundle", "runtime", "hooks/params", "internal"},
			others: []string{logrus, specsGo, xsys},
		},
		{
			// Runs a service once to learn its system calls.
			folder: "recording",
			ours:   []string{"runtime", "bundle", "seccomp-profiles", "internal"},
			others: []string{specsGo, xsys},
		},
		{
			folder: "runtime",
			ours:   []string{"runtime", "bundle", "internal"},
			others: []string{
				libcontainer, cgroups, specsGo, logrus, moby, xsys,
				"github.com/containerd/console", "github.com/opencontainers/selinux",
			},
		},
		{
			folder: "hooks",
			ours:   []string{"hooks", "internal"},
			others: []string{netlink, netns, specsGo, xsys, "github.com/google/nftables", "github.com/mdlayher/netlink"},
		},
		{
			// What spec writes into a bundle and the hooks read from it: no netlink.
			folder: "hooks/params",
			ours:   []string{"internal"},
			others: []string{specsGo},
		},
		{
			folder: "doctor/gather",
			ours:   []string{"doctor", "supervisor", "runtime", "netstats", "spec"},
		},
		{
			// The network's part of the statistics: hooks and runtime know nothing of each other.
			folder: "netstats",
			ours:   []string{"hooks", "runtime/stats"},
		},
		{
			// What a live view shows: rates, rows, columns. It reads nothing.
			folder: "top",
			ours:   []string{"runtime/stats"},
		},
		{
			folder: "top/collect",
			ours:   []string{"top", "supervisor", "runtime", "netstats", "internal"},
		},
		{
			// Alone imports the terminal's library, and only blackhole-top imports it.
			folder: "top/screen",
			ours:   []string{"top"},
			others: []string{tcell, xsys},
		},
		{
			folder: "cmd/blackhole-top",
			ours:   []string{"top", "supervisor", "runtime"},
			others: []string{xsys},
		},
		{
			folder: "bundle",
			ours:   []string{"bundle", "internal"},
			others: []string{specsGo},
		},
		{
			folder: "spec",
			ours:   []string{"spec", "seccomp-profiles", "hooks/params", "internal"},
			others: []string{yaml, specsGo, moby, xsys},
		},
		{
			// Sums over a configuration and a host's facts: it runs nothing.
			folder: "plan",
			ours:   []string{"spec", "internal"},
		},
		{
			// What the supervisor records and recommend reads: files of figures.
			folder: "history",
			ours:   []string{"internal"},
		},
		{
			// From recorded figures to limits: it reads nothing.
			folder: "recommend",
			ours:   []string{"history"},
		},
		{
			// Judges an OCI configuration alone, so that a foreign bundle is like ours.
			folder: "audit",
			ours:   []string{"seccomp-profiles", "internal"},
			others: []string{specsGo},
		},
		{
			// Reads the host, and judges figures that the commands hand it.
			folder: "doctor",
			ours:   []string{"spec", "runtime/stats", "seccomp-profiles", "internal"},
			others: []string{xsys},
		},
		{
			folder: "seccomp-profiles",
			ours:   []string{"seccomp-profiles", "internal"},
			others: []string{libseccomp, specsGo, xsys},
		},
		{
			// Leaves: they know nothing of services and containers, nor of each other.
			folder: "internal",
			others: []string{xsys},
		},
		{
			// The containerd shim, a program of its own.
			folder: "cmd",
			ours:   []string{"cmd", "runtime", "bundle", "hooks/params", "internal"},
			others: []string{anything},
		},
		{folder: "benchmarks", ours: []string{"runtime", "bundle", "hooks/params", "internal"}, others: []string{anything}},
		{folder: "tests", ours: []string{"tests"}, others: []string{anything}},
	}
}

// ociFolders are what the program of the OCI commands is made of, with what is below.
func ociFolders() []string { return []string{"runtime", "bundle", "hooks", "netstats", "internal"} }

// commands are what no package imports.
func commands() []string { return []string{".", "cmd", "tests", "benchmarks"} }

// heavy are packages of the standard library that no package of ours may import
// where create and start go through it: each adds work at the start of a
// program that starts several times for a container.
func heavy() []string {
	return []string{"regexp", "text/template", "html/template", "net/http", "crypto/tls", "encoding/xml", "encoding/gob"}
}

// startModules are the modules in the binary beyond libcontainer's own, with the
// reason that each may be there.
func startModules() map[string]string {
	return map[string]string{
		"github.com/docker/go-units": "sizes as runc's update takes them",
		"github.com/urfave/cli/v2":   "the commands' flags; with urfave_cli_no_docs",
		"github.com/xrash/smetrics":  "urfave/cli's",
		"go.yaml.in/yaml/v4":         "the configuration",

		"github.com/google/nftables":  "the network's firewall rules; the program nft would be a second process for each hook",
		"github.com/mdlayher/netlink": "google/nftables'",
		"github.com/mdlayher/socket":  "google/nftables'",
		"golang.org/x/sync":           "google/nftables'",
	}
}
