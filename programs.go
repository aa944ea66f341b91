package main

import (
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
	for _, path := range places {
		if executable(path) {
			return path, nil
		}
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
	for _, path := range []string{filepath.Join(dir, ociName), filepath.Join(dir, "..", "..", "bin", ociName)} {
		if executable(path) {
			return path, nil
		}
	}
	return self, nil
}

func executable(path string) bool {
	_, err := exec.LookPath(path)
	return err == nil
}
