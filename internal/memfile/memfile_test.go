package memfile

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSealed(t *testing.T) {
	const text = "what is handed on"
	f, err := Sealed("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd := int(f.Fd())
	if !IsSealed(fd) {
		t.Error("it is not sealed")
	}
	if _, err := unix.Pwrite(fd, []byte("x"), 0); err != unix.EPERM {
		t.Errorf("it can be written to: %v", err)
	}
	if err := unix.Ftruncate(fd, 0); err != unix.EPERM {
		t.Errorf("it can be cut short: %v", err)
	}
	if got, err := Contents(fd); string(got) != text || err != nil {
		t.Errorf("there is %q in it, %v; want %q", got, err, text)
	}
}

func TestWhatIsNotSealed(t *testing.T) {
	f, err := New("test")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for name, fd := range map[string]int{"an empty file": int(f.Fd()), "a device": int(null.Fd()), "no descriptor": -1} {
		if IsSealed(fd) {
			t.Errorf("%s is said to be sealed", name)
		}
	}
	if _, err := Contents(-1); err == nil {
		t.Error("there is something in no descriptor")
	}
}
