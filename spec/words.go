package spec

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	profiles "blackhole/seccomp-profiles"

	"github.com/moby/sys/capability"
)

// word is a kind of text: the check of the decoder beside what the JSON schema
// says of it.
type word struct {
	check   func(string) error
	pattern string   // of the schema, no stricter than check
	words   []string // instead of a pattern, where they can be listed
}

// wordOf finds the kind that a tag "is" or "keys" names; the empty name is any text.
func wordOf(name string) word {
	switch name {
	case "service":
		return word{check: checkServiceName, pattern: `^([A-Za-z0-9_+-]|\.[A-Za-z0-9_+-]|\.\.[A-Za-z0-9_+.-])[A-Za-z0-9_+.-]*$`}
	case "path":
		return word{check: checkPath, pattern: pathPattern}
	case "rootfs":
		return word{check: checkRootfs, pattern: `^host$|` + pathPattern}
	case "mount":
		return word{check: checkMount, pattern: pathPattern}
	case "interface":
		return word{check: checkInterface, pattern: `^[^/:\s]{1,15}$`}
	case "namespace":
		return word{check: checkNamespace, pattern: `^[^/]+$|` + pathPattern}
	case "url":
		return word{check: checkURL, pattern: `^[hH][tT][tT][pP]://.+`}
	case "capability":
		return word{check: oneOf("capability", capabilities), words: capabilities()}
	case "controller":
		return word{check: oneOf("controller", controllers), words: controllers()}
	case "rlimit":
		return word{check: checkRlimitName, words: rlimits()}
	case "profile":
		return word{check: checkProfile, pattern: `^(` + strings.Join(profiles.Names(), "|") + `)$|^\.\.?/.|` + pathPattern}
	}
	return word{check: func(string) error { return nil }}
}

// checkServiceName: a service's name is its container id, and libcontainer's
// ids are these.
func checkServiceName(s string) error {
	if s == "" || s == "." || s == ".." {
		return errors.New("cannot use " + quote(s) + " as a service's name: it is the container's id")
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_+-.", r) {
			return fmt.Errorf("cannot use %s as a service's name: it is the container's id, and %s is not a letter, digit, _, +, - or .", quote(s), strconv.QuoteRune(r))
		}
	}
	return nil
}

// pathPattern is checkPath without lookahead, which not every validator has.
const pathPattern = `^(/+(\.|\.?[^/.][^/]*|\.\.[^/]+))+/*$|^/+$`

func checkPath(s string) error {
	switch {
	case s == "":
		return errors.New(`cannot use "" as a path: it is empty`)
	case !path.IsAbs(s):
		return errors.New("cannot use " + quote(s) + " as a path: it must be absolute, beginning with /")
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == ".." {
			return errors.New("cannot use " + quote(s) + ` as a path: it must not contain ".."`)
		}
	}
	return nil
}

const rootfsHost = "host"

func checkRootfs(s string) error {
	if s == rootfsHost {
		return nil
	}
	if err := checkPath(s); err != nil {
		return errors.New("cannot use " + quote(s) + " as a root file system: write host, or the absolute path of a folder")
	}
	return nil
}

// checkMount refuses the places where a mount would undo the isolation, or that
// the kernel's own file systems have.
func checkMount(s string) error {
	if err := checkPath(s); err != nil {
		return err
	}
	switch clean := path.Clean(s); {
	case clean == "/":
		return errors.New(`cannot mount "/": it is the root file system itself, see rootfs`)
	case clean == "/proc" || strings.HasPrefix(clean, "/proc/"):
		return errors.New("cannot mount " + quote(s) + ": each service has a /proc of its own")
	}
	return nil
}

// checkInterface: the kernel's rule, dev_valid_name in net/core/dev.c; IFNAMSIZ
// leaves 15 characters.
func checkInterface(s string) error {
	const longest = 15
	switch {
	case s == "" || s == "." || s == "..":
		return errors.New("cannot use " + quote(s) + " as an interface's name")
	case len(s) > longest:
		return fmt.Errorf("cannot use %s as an interface's name: it has %d characters, and the kernel takes %d", quote(s), len(s), longest)
	case strings.ContainsAny(s, "/: \t\n\v\f\r"):
		return errors.New("cannot use " + quote(s) + " as an interface's name: it must not contain /, : or blanks")
	}
	return nil
}

func checkNamespace(s string) error {
	if path.IsAbs(s) {
		return checkPath(s)
	}
	if s == "" || s == "." || s == ".." || strings.Contains(s, "/") {
		return errors.New("cannot use " + quote(s) + " as a network namespace: write a name as ip netns has it, or an absolute path")
	}
	return nil
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err == nil && u.Scheme == "https" {
		return errors.New("cannot use " + quote(s) + " as a health check: https is not spoken here, use exec with a program that does")
	}
	if err != nil || u.Scheme != "http" || u.Hostname() == "" {
		return errors.New("cannot use " + quote(s) + " as a URL: write http://HOST[:PORT]/PATH")
	}
	return nil
}

func checkProfile(s string) error {
	if path.IsAbs(s) {
		return checkPath(s)
	}
	withPath := func() []string { return append(profiles.Names(), "the path of one's own, absolute or from ./ on") }
	if isBeside(s) || slices.Contains(profiles.Names(), s) {
		return nil
	}
	return oneOf("seccomp profile", withPath)(s)
}

func checkRlimitName(s string) error {
	if s == "nofile" {
		return errors.New(`cannot set "nofile" here: it is the key fds`)
	}
	return oneOf("resource limit", rlimits)(s)
}

func oneOf(what string, list func() []string) func(string) error {
	return func(s string) error {
		words := list()
		if slices.Contains(words, s) {
			return nil
		}
		if near := nearestWord(s, words); near != "" {
			return errors.New("unknown " + what + " " + quote(s) + ", did you mean " + quote(near) + "?")
		}
		if len(words) > 20 {
			return errors.New("unknown " + what + " " + quote(s) + ", write the whole name of each")
		}
		return errors.New("unknown " + what + " " + quote(s) + ", use " + orList(words))
	}
}

// capabilities is every capability that Linux has, see capabilities(7), whether
// this host's kernel has it or not.
func capabilities() []string {
	var names []string
	for _, c := range capability.ListKnown() {
		names = append(names, "CAP_"+strings.ToUpper(c.String()))
	}
	return names
}

// controllers is every controller of cgroup v2, as cgroup.controllers names them.
func controllers() []string {
	return []string{"cpu", "cpuset", "memory", "io", "pids", "hugetlb", "rdma", "misc"}
}

// rlimits is every resource of getrlimit(2) but nofile, which is fds.
func rlimits() []string {
	return []string{
		"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice",
		"nproc", "rss", "rtprio", "rttime", "sigpending", "stack",
	}
}
