package nearest

import "testing"

func TestWord(t *testing.T) {
	known := []string{"openat", "open", "close", "defaultAction", "write"}
	for _, test := range []struct{ in, out string }{
		{"opne", "open"},    // neighbours swapped
		{"opena", "openat"}, // as near as open, and before it
		{"oepnat2", "openat"},
		{"clos", "close"},
		{"DEFAULTACTION", "defaultAction"},
		{"defaultaktion", "defaultAction"},
		{"zzz", ""},
		{"", ""},
		{"x", ""},
	} {
		if got := Word(test.in, known); got != test.out {
			t.Errorf("Word(%q) = %q, want %q", test.in, got, test.out)
		}
	}
	if got := Word("x", nil); got != "" {
		t.Errorf("Word of nothing = %q", got)
	}
}

func TestEdits(t *testing.T) {
	for _, test := range []struct {
		a, b string
		out  int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0},
		{"abc", "acb", 1}, {"kitten", "sitting", 3}, {"memory", "memroy", 1},
	} {
		if got := edits(test.a, test.b); got != test.out {
			t.Errorf("edits(%q, %q) = %d, want %d", test.a, test.b, got, test.out)
		}
	}
}
