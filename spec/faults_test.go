package spec

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// faultRow is one input that is wrong, where (line:column path), and what is
// said of it.
type faultRow struct{ in, at, out string }

// testFaults wants exactly the one fault of each row.
func testFaults(t *testing.T, find func(t *testing.T, in string) Faults, rows []faultRow) {
	t.Helper()
	for _, row := range rows {
		got := find(t, row.in)
		if len(got) != 1 {
			t.Errorf("%s\ngot %d faults, want one at %s\n%v", row.in, len(got), row.at, got)
			continue
		}
		if at := fmt.Sprintf("%d:%d %s", got[0].Line, got[0].Column, got[0].Path); at != row.at {
			t.Errorf("%s\ngot a fault at %s, want it at %s", row.in, at, row.at)
		}
		if got[0].Message != row.out {
			t.Errorf("%s\ngot  %s\nwant %s", row.in, got[0].Message, row.out)
		}
		if got[0].File != "f" {
			t.Errorf("%s\ngot a fault in file %q", row.in, got[0].File)
		}
		if strings.ContainsAny(got[0].String(), "\n\r") {
			t.Errorf("%s\nthe fault is more than one line: %q", row.in, got[0])
		}
	}
}

func parseFaults(t *testing.T, in string) Faults {
	t.Helper()
	_, err := Parse(Source{"f", []byte(in)})
	var faults Faults
	if err != nil && !errors.As(err, &faults) {
		t.Errorf("%s\ngot an error that is no list of faults: %v", in, err)
	}
	return faults
}

func checkFaults(t *testing.T, in string) Faults {
	t.Helper()
	c, err := Parse(Source{"f", []byte(in)})
	if err != nil {
		t.Fatalf("%s\n%v", in, err)
	}
	return c.Check()
}
