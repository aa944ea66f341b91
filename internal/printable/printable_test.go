package printable

import "testing"

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain ü 中":                      "plain ü 中",
		"a\x1b[2Jb\x1b]0;title\x07":      "a.[2Jb.]0;title.",
		"a\tb\rc\x7f\u009b31m":           "a b.c..31m",
		"\xff\xfe\x9b":                   ".",
		"abc\u202edcba\u2066x":           "abc.dcba.x",
		"one\ntwo":                       "one.two",
		"\x00":                           ".",
		"ends with a line end, in one\n": "ends with a line end, in one.",
	} {
		if got := Line(in); got != want {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
	if got := Text("one\ntwo\x1b\n"); got != "one\ntwo.\n" {
		t.Errorf("Text: %q", got)
	}
}
