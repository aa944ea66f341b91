package task

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v2 "github.com/containerd/containerd/api/runtime/task/v2"
	v3 "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types/runc/options"
	runtimeoptions "github.com/containerd/containerd/api/types/runtimeoptions/v1"
	"github.com/containerd/typeurl/v2"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"blackhole/internal/fileversion"
)

// Both versions of the API are served by one set of functions, which is right as
// long as they differ in their names alone.
func TestVersionsOfTheAPIHaveTheSameMessages(t *testing.T) {
	plain := func(d *descriptorpb.FileDescriptorProto) string {
		d.Name, d.Options.GoPackage = nil, nil
		text := strings.ReplaceAll(d.String(), d.GetPackage(), "PACKAGE")
		return strings.Join(strings.Fields(text), " ") // String varies its blanks
	}
	two := plain(protodesc.ToFileDescriptorProto(v2.File_runtime_task_v2_shim_proto))
	three := plain(protodesc.ToFileDescriptorProto(v3.File_runtime_task_v3_shim_proto))
	if two != three {
		t.Errorf("version 2: %s\nversion 3: %s", two, three)
	}
	for i, file := range []string{v2.File_runtime_task_v2_shim_proto.Path(), v3.File_runtime_task_v3_shim_proto.Path()} {
		if name := versions()[i]; !strings.Contains(file, strings.Split(name, ".")[2]) {
			t.Errorf("version %d of %s is named %s", i, file, name)
		}
	}
}

func TestOptions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "options.toml")
	if err := os.WriteFile(path, []byte("Root = \"/file\"\nNoNewKeyring = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		in   proto.Message
		want Options
	}{
		"none": {nil, Options{}},
		"runc's": {
			&options.Options{Root: "/r", SystemdCgroup: true, BinaryName: "/bin/runc", IoUid: 5, NoPivotRoot: true, ShimCgroup: "/s", CriuWorkPath: "/w"},
			Options{Root: "/r", SystemdCgroup: true, IoUid: 5, NoPivotRoot: true, ShimCgroup: "/s", CriuWorkPath: "/w"},
		},
		// As the CRI plugin passes on what it has in config.toml.
		"TOML":      {&runtimeoptions.Options{ConfigBody: []byte("BinaryName = \"x\"\nSystemdCgroup = true\nIoGid = 7\n")}, Options{SystemdCgroup: true, IoGid: 7}},
		"TOML file": {&runtimeoptions.Options{ConfigPath: path}, Options{Root: "/file", NoNewKeyring: true}},
	} {
		t.Run(name, func(t *testing.T) {
			var message typeurl.Any
			if row.in != nil {
				var err error
				if message, err = typeurl.MarshalAny(row.in); err != nil {
					t.Fatal(err)
				}
			}
			got, err := ReadOptions(message)
			if err != nil {
				t.Fatal(err)
			}
			if got != row.want {
				t.Fatalf("got %+v, want %+v", got, row.want)
			}
			bundle := t.TempDir() // and what is saved is what is loaded
			if err := got.save(bundle); err != nil {
				t.Fatal(err)
			}
			if again, err := LoadOptions(bundle); err != nil || again != got {
				t.Fatalf("loaded %+v, %v", again, err)
			}
		})
	}
}

func TestOptionsThatCannotBeRead(t *testing.T) {
	for name, row := range map[string]struct {
		in   proto.Message
		want string
	}{
		"no such file": {&runtimeoptions.Options{ConfigPath: "/nosuch.toml"}, "/nosuch.toml"},
		"wrong type":   {&runtimeoptions.Options{ConfigBody: []byte("Root = 5")}, "cannot read the runtime's options: toml"},
		"other":        {&options.ProcessDetails{}, "unknown type containerd.runc.v1.ProcessDetails"},
	} {
		message, err := typeurl.MarshalAny(row.in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadOptions(message); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want %q in it", name, err, row.want)
		}
	}
}

func TestStateRoot(t *testing.T) {
	if got := (Options{}).Runtime("ns").Root; got != "/run/containerd/blackhole/ns" {
		t.Error(got)
	}
	if got := (Options{Root: "/r"}).Runtime("ns").Root; got != "/r/ns" {
		t.Error(got)
	}
}

func TestLinksOfNetDev(t *testing.T) {
	const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100      10    0    0    0     0          0         0      100      10    0    0    0     0       0          0
  eth0:       1       2    3    4    5     6          7         8        9      10   11   12   13    14      15         16
`
	links, err := parseLinks(text)
	if err != nil {
		t.Fatal(err)
	}
	want := link{"eth0", [4]uint64{1, 2, 3, 4}, [4]uint64{9, 10, 11, 12}}
	if len(links) != 1 || links[0] != want {
		t.Fatalf("got %+v", links)
	}
	for _, bad := range []string{"eth0: 1 2 3", "eth0: x 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"} {
		if _, err := parseLinks(bad); err == nil || !strings.Contains(err.Error(), "eth0") {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}

func TestOwnPids(t *testing.T) {
	for name, row := range map[string]struct {
		namespaces []specs.LinuxNamespace
		want       bool
	}{
		"the host's":  {nil, false},
		"another's":   {[]specs.LinuxNamespace{{Type: specs.PIDNamespace, Path: "/proc/1/ns/pid"}}, false},
		"its own":     {[]specs.LinuxNamespace{{Type: specs.NetworkNamespace}, {Type: specs.PIDNamespace}}, true},
		"others only": {[]specs.LinuxNamespace{{Type: specs.NetworkNamespace}}, false},
	} {
		if got := ownPids(&specs.Spec{Linux: &specs.Linux{Namespaces: row.namespaces}}); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// An upgrade replaces the shim while the bundles of running containers stay.
func TestFilesOfOtherVersions(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	write(optionsFile, `{"Root":"/x","SystemdCgroup":true}`)
	write(exitFile, `{"code":137,"at":"2026-11-24T12:00:00Z"}`)
	if o, err := LoadOptions(dir); err != nil || o != (Options{Root: "/x", SystemdCgroup: true}) {
		t.Errorf("options without a version: %+v %v", o, err)
	}
	if e, known, err := LoadExit(dir); err != nil || !known || e != (Exit{137, at}) {
		t.Errorf("an end without a version: %+v %v %v", e, known, err)
	}
	write(optionsFile, `{"version":7,"Root":{"another":"type"}}`)
	write(exitFile, `{"version":7,"code":"another type"}`)
	if _, err := LoadOptions(dir); !errors.Is(err, fileversion.ErrNewer) {
		t.Errorf("newer options: %v", err)
	}
	if _, known, err := LoadExit(dir); known || !errors.Is(err, fileversion.ErrNewer) {
		t.Errorf("a newer end: %v %v", known, err)
	}
	// What is written now has one, and older shims pass over it.
	if err := errors.Join(Options{Root: "/y"}.save(dir), saveExit(dir, Exit{1, at})); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{optionsFile, exitFile} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.HasPrefix(string(data), `{"version":1,`) {
			t.Errorf("%s: %s %v", name, data, err)
		}
	}
}
