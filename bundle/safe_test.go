package bundle

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"blackhole/internal/cleanup"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// A link that the service's user put in the place of a folder of the service's
// must not choose what is mounted, made or given away at the next start.
func TestLinkOfTheServices(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root has others' links")
	}
	const user = 54321
	for name, row := range map[string]struct {
		prepare func(data, secret string) error
		path    string // below data
		refused bool
	}{
		"a folder":    {func(data, _ string) error { return os.Mkdir(data+"/sub", 0o700) }, "sub", false},
		"nothing yet": {func(string, string) error { return nil }, "sub/deeper", false},
		"a link of the user's": {func(data, secret string) error {
			return firstError(os.Symlink(secret, data+"/sub"), os.Lchown(data+"/sub", user, user))
		}, "sub", true},
		"a link of root's in the user's folder": {func(data, secret string) error { return os.Symlink(secret, data+"/sub") }, "sub", true},
		"a parent that is a link": {func(data, secret string) error {
			return firstError(os.Symlink(secret, data+"/sub"), os.Lchown(data+"/sub", user, user))
		}, "sub/new", true},
		"a dangling link": {func(data, secret string) error { return os.Symlink(secret+"/new", data+"/sub") }, "sub", true},
		"by ..": {func(data, secret string) error {
			return os.Symlink("../"+filepath.Base(filepath.Dir(secret))+"/secret", data+"/sub")
		}, "sub", true},
		"a link of root's in root's folder": {func(data, secret string) error { return os.Symlink(data, filepath.Dir(secret)+"/link") }, "../link", false},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			data, secret := filepath.Join(top, "data"), filepath.Join(top, "secret")
			for _, dir := range []string{data, secret} {
				if err := os.Mkdir(dir, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := firstError(os.Lchown(data, user, user), row.prepare(data, secret)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(data, row.path)
			config := &specs.Spec{
				Annotations: map[string]string{markAnnotation: "a"},
				Process:     &specs.Process{User: specs.User{UID: user, GID: user}},
				Mounts:      []specs.Mount{{Destination: "/data", Source: path, Options: []string{"rbind"}}},
			}
			for _, writable := range [][]string{{path}, nil} {
				err := Write(filepath.Join(top, "bundle"), Contents{Config: config, Writable: writable})
				if row.refused != (err != nil && strings.Contains(err.Error(), "may have put there")) || !row.refused && err != nil {
					t.Errorf("writable %v: %v", writable, err)
				}
			}
			info, err := os.Stat(secret)
			if err != nil || ownerOf(info) != 0 || info.Mode().Perm() != 0o700 {
				t.Errorf("the folder of the host's was changed: %v %v", info, err)
			}
			if entries, _ := os.ReadDir(secret); len(entries) > 0 {
				t.Errorf("made in the folder of the host's: %v", entries)
			}
		})
	}
}

// What is made and given away is never what somebody put in its place meanwhile.
func TestMakeFolderRaced(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives away")
	}
	top := t.TempDir()
	secret := filepath.Join(top, "secret")
	parent := filepath.Join(top, "data")
	if err := firstError(os.Mkdir(secret, 0o700), os.Mkdir(parent, 0o777)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(parent, "sub")
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() { // the service's user: a link as soon as there is a folder
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if syscall.Rmdir(path) == nil {
				_ = os.Symlink(secret, path)
			}
		}
	}()
	for range 1000 {
		var undo cleanup.Stack
		_ = makeFolder(path, &owner{54321, 54321}, &undo)
		_ = os.Remove(path)
	}
	close(stop)
	<-stopped
	info, err := os.Stat(secret)
	if err != nil || ownerOf(info) != 0 || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of the host's was given away: %v, owner %d", err, ownerOf(info))
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
