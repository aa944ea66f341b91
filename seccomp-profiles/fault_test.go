//go:build cgo && seccomp

package profiles

import (
	"strings"
	"testing"
)

// Each row is one fault; "at: message", after the profile's path.
func TestFaults(t *testing.T) {
	// rule puts one rule, at 2:1, into a profile that allows the rest.
	rule := func(rule string) string {
		return "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [\n" + rule + "]}"
	}
	// denying is the same in an allowlist.
	denying := func(rule string) string {
		return "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [\"execve\"], \"action\": \"SCMP_ACT_ALLOW\"},\n" + rule + "]}"
	}
	for _, test := range []struct{ in, out string }{
		// Syntax.
		{"", "1:1: unexpected end of JSON input"},
		{"{\n  \"defaultAction\": SCMP\n}", "2:20: invalid character 'S' looking for beginning of value"},
		{"{\"defaultAction\": \"SCMP_ACT_ALLOW\"\n", "1:35: unexpected end of JSON input"},
		{`{"defaultAction": "SCMP_ACT_ALLOW"} {}`, "1:37: invalid character '{' after top-level value"},
		{"// only\n// comments\n", "2:12: unexpected end of JSON input"},
		{`[]`, "1:1: want an object, not an array"},
		{`null`, "1:1: want an object, not null"},

		// Keys.
		{`{}`, "1:1: no defaultAction"},
		{`{"syscalls": []}`, "1:1: no defaultAction"},
		{"{\n\"defaultaction\": \"SCMP_ACT_ALLOW\"}", `2:1: unknown key "defaultaction" (did you mean "defaultAction"?); 1:1: no defaultAction`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [{"a": [1]}]}`, `1:37: unknown key "archMap": a key of the container engines, the OCI has architectures`},
		{rule(`{"names": ["mount"], "action": "SCMP_ACT_KILL", "includes": {"caps": []}}`), `2:49: syscalls[0]: unknown key "includes": a key of the container engines, the OCI has no conditions`},
		{rule(`{"name": "mount", "action": "SCMP_ACT_KILL"}`), `2:2: syscalls[0]: unknown key "name" (did you mean "names"?); 2:1: syscalls[0]: no names: a rule is about one system call or more`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "defaultAction": "SCMP_ACT_LOG"}`, `1:37: defaultAction: key "defaultAction" stands twice`},

		// Types.
		{`{"defaultAction": 1}`, "1:19: defaultAction: want a string, not 1"},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": {"a": [{}]}}`, "1:49: syscalls: want an array, not an object"},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": ["mount"]}`, `1:50: syscalls[0]: want an object, not the string "mount"`},
		{`{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": "EPERM", "syscalls": [{"names": ["execve"], "action": "SCMP_ACT_ALLOW"}]}`, `1:56: defaultErrnoRet: want a number, not the string "EPERM"`},
		{`{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1.5, "syscalls": [{"names": ["execve"], "action": "SCMP_ACT_ALLOW"}]}`, "1:56: defaultErrnoRet: 1.5 is not a whole number from 0 to 4095"},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "agent.sock"}`, `1:53: listenerPath: "agent.sock" is not an absolute path`},

		// Words.
		{`{"defaultAction": "SCMP_ACT_ALOW"}`, `1:19: defaultAction: unknown action "SCMP_ACT_ALOW" (did you mean "SCMP_ACT_ALLOW"?)`},
		{`{"defaultAction": "ALLOW"}`, `1:19: defaultAction: unknown action "ALLOW"`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "amd64"]}`, `1:75: architectures[1]: unknown architecture "amd64"`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_M68K"]}`, `1:55: architectures[0]: unknown architecture "SCMP_ARCH_M68K" (did you mean "SCMP_ARCH_X86"?)`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOGS"]}`, `1:47: flags[0]: unknown flag "SECCOMP_FILTER_FLAG_LOGS" (did you mean "SECCOMP_FILTER_FLAG_LOG"?)`},
		{`{"defaultAction": "SCMP_ACT_NOTIFY"}`, `1:1: defaultAction: SCMP_ACT_NOTIFY cannot be the default: the container's start would wait for itself`},

		// System calls.
		{rule(`{"names": ["mount", "opne"], "action": "SCMP_ACT_ERRNO"}`), `2:21: syscalls[0].names[1]: unknown system call "opne" (did you mean "open"?)`},
		{rule(`{"names": [""], "action": "SCMP_ACT_ERRNO"}`), `2:12: syscalls[0].names[0]: empty name`},
		{rule(`{"names": [], "action": "SCMP_ACT_ERRNO"}`), `2:1: syscalls[0]: no names: a rule is about one system call or more`},
		{rule(`{"names": ["mount"]}`), `2:1: syscalls[0]: no action`},
		{rule(`{"names": ["listns"], "action": "SCMP_ACT_ERRNO"}`), `2:12: syscalls[0].names[0]: "listns" (Linux 6.19) is newer than this program's libseccomp, which would leave it unfiltered`},
		{rule(`{"names": ["execve"], "action": "SCMP_ACT_ERRNO"}`), `1:1: execve is blocked: no service could start`},
		{`{"defaultAction": "SCMP_ACT_ERRNO"}`, `1:1: execve is blocked: no service could start`},
		{denying(`{"names": ["write"], "action": "SCMP_ACT_NOTIFY"}`), `2:12: syscalls[1].names[0]: write cannot have SCMP_ACT_NOTIFY: the runtime writes the listener's descriptor`},
		{denying(`{"names": ["mount"], "action": "SCMP_ACT_NOTIFY"}`), `2:12: syscalls[1].names[0]: SCMP_ACT_NOTIFY needs listenerPath`},

		// Error numbers.
		{rule(`{"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 4096}`), `2:62: syscalls[0].errnoRet: 4096 is not a whole number from 0 to 4095`},
		{rule(`{"names": ["mount"], "action": "SCMP_ACT_KILL", "errnoRet": 1}`), `2:61: syscalls[0].errnoRet: 1 is for nothing: SCMP_ACT_KILL returns no error number`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}`, `1:56: defaultErrnoRet: 1 is for nothing: SCMP_ACT_ALLOW returns no error number`},

		// Arguments.
		{rule(`{"names": ["mount"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]}`), `2:69: syscalls[0].args[0].index: 6 is not a whole number from 0 to 5`},
		{rule(`{"names": ["mount"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}]}`), `2:81: syscalls[0].args[0].value: -1 is not a whole number from 0 to 18446744073709551615`},
		{rule(`{"names": ["mount"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_IN"}]}`), `2:90: syscalls[0].args[0].op: unknown operator "SCMP_CMP_IN" (did you mean "SCMP_CMP_EQ"?)`},
		{rule(`{"names": ["mount"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0}]}`), `2:59: syscalls[0].args[0]: no value; 2:59: syscalls[0].args[0]: no op`},
		{rule(`{"names": ["mount"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "valueTwo": 2, "op": "SCMP_CMP_EQ"}]}`), `2:96: syscalls[0].args[0].valueTwo: 2 is for nothing: only SCMP_CMP_MASKED_EQ has a second value`},
		{rule(`{"names": ["mount"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_GT"}, {"index": 0, "value": 5, "op": "SCMP_CMP_LT"}]}`), `2:106: syscalls[0].args[1]: argument 0 is compared twice: the two would be alternatives, write a rule for each`},

		// Rules that make one another void.
		{rule(`{"names": ["ioctl"], "action": "SCMP_ACT_LOG"}, {"names": ["ioctl"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 21522, "op": "SCMP_CMP_EQ"}]}`), `2:60: syscalls[1].names[0]: ioctl has another result in syscalls[0].names[0], and the rule without args would win for all arguments`},
		{rule(`{"names": ["mount"], "action": "SCMP_ACT_LOG"}, {"names": ["mount"], "action": "SCMP_ACT_ERRNO"}`), `2:60: syscalls[1].names[0]: mount has another result for the same arguments in syscalls[0].names[0]`},
		{rule(`{"names": ["mount"], "action": "SCMP_ACT_ERRNO"}, {"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}`), `2:62: syscalls[1].names[0]: mount has another result for the same arguments in syscalls[0].names[0]`},

		// What libseccomp refuses.
		{`{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_S390X"]}`, "libseccomp refuses architecture SCMP_ARCH_S390X: numerical argument out of domain"},

		// All faults, in one line, up to a number.
		{"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"x\": 1,\n\"architectures\": [1]}", `1:37: unknown key "x"; 2:19: architectures[0]: want a string, not 1`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "architectures": [` + strings.TrimSuffix(strings.Repeat("1,", 20), ",") + "]}", "; and 12 more"},
	} {
		path := write(t, test.in)
		_, err := Load(path)
		if err == nil {
			t.Errorf("no fault in %s, want %s", test.in, test.out)
			continue
		}
		got := strings.TrimPrefix(err.Error(), "cannot use seccomp profile "+path+": ")
		if strings.HasPrefix(test.out, "; and") {
			got = got[max(0, len(got)-len(test.out)):]
		}
		if got != test.out {
			t.Errorf("in   %s\ngot  %s\nwant %s", test.in, got, test.out)
		}
	}
}
