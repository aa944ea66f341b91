package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// The programs that are installed together. blackhole knows the OCI commands and
// the network hooks, for it starts four times in a container's life; it becomes the
// others for what is rarer.
const (
	ociName      = "blackhole"
	servicesName = "blackhole-services"
	topName      = "blackhole-top"
)

// companion finds a program beside this one, as they are built, or in libexec, as
// they are installed.
func companion(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("cannot find the path of this program, beside which %s is: %w", name, err)
	}
	dir := filepath.Dir(self)
	places := []string{filepath.Join(dir, name), filepath.Join(filepath.Dir(dir), "libexec", "blackhole", name)}
	if path := firstProgram(places); path != "" {
		return path, nil
	}
	return "", fmt.Errorf("the program %s is neither %s nor %s", name, places[0], places[1])
}

// hookProgram is what bundles name as their hooks: blackhole, also where this process
// is what that became for a service command. One that stands alone is its own.
func hookProgram() (string, error) {
	self, err := os.Executable()
	if err != nil || filepath.Base(self) != servicesName {
		return self, err
	}
	dir := filepath.Dir(self)
	places := []string{filepath.Join(dir, ociName), filepath.Join(dir, "..", "..", "bin", ociName)}
	return cmp.Or(firstProgram(places), self), nil
}

// firstProgram is the first path at which there is one, or "".
func firstProgram(paths []string) string {
	for _, path := range paths {
		if _, err := exec.LookPath(path); err == nil {
			return path
		}
	}
	return ""
}
