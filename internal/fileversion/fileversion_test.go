package fileversion

import (
	"errors"
	"testing"
)

func TestCheck(t *testing.T) {
	for found, want := range map[int]string{
		0: "", 1: "", 2: "",
		3:  "cannot read /x: it was written by a newer blackhole: its version is 3, and this one reads up to 2",
		-1: "cannot read /x: version -1",
	} {
		err := Check("/x", found, 2)
		if got := text(err); got != want {
			t.Errorf("%d: %q, want %q", found, got, want)
		}
		if errors.Is(err, ErrNewer) != (found > 2) {
			t.Errorf("%d: %v", found, err)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
