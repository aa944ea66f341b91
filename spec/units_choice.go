package spec

import (
	"errors"
	"strings"
)

// The types with a few words to choose from.

// CgroupAuto takes cgroup v2 where it is there, else v1; CgroupV2 insists.
const (
	CgroupAuto CgroupVersion = "auto"
	CgroupV2   CgroupVersion = "2"
)

// The restart policies.
const (
	RestartNo            RestartPolicy = "no"             // never
	RestartOnFailure     RestartPolicy = "on-failure"     // when it ended with a code other than 0, or by a signal
	RestartAlways        RestartPolicy = "always"         // whenever it ended
	RestartUnlessStopped RestartPolicy = "unless-stopped" // whenever it ended, unless an operator stopped it
)

func choose[T ~string](out *T, text []byte, what string, words ...T) error {
	list := make([]string, len(words))
	for i, w := range words {
		if string(w) == string(text) {
			*out = w
			return nil
		}
		list[i] = string(w)
	}
	return errors.New("unknown " + what + " " + quote(string(text)) + ", use " + orList(list))
}

// orList is "a, b or c".
func orList(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func enum[T ~string](words ...T) map[string]any {
	list := make([]any, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	return map[string]any{"type": "string", "enum": list}
}

// UnmarshalText reads 2 or auto.
func (v *CgroupVersion) UnmarshalText(text []byte) error {
	if string(text) == "1" {
		return errors.New(`cannot ask for cgroup version "1": use auto, which takes v1 where there is no v2`)
	}
	return choose(v, text, "cgroup version", CgroupV2, CgroupAuto)
}

// MarshalText is the word.
func (v CgroupVersion) MarshalText() ([]byte, error) { return []byte(v), nil }

func (CgroupVersion) schema() map[string]any {
	return map[string]any{"type": []any{"string", "integer"}, "enum": []any{2, "2", "auto"}}
}

// UnmarshalText reads isolated, none or host.
func (m *NetworkMode) UnmarshalText(text []byte) error {
	return choose(m, text, "network mode", NetworkIsolated, NetworkNone, NetworkHost)
}

// MarshalText is the word.
func (m NetworkMode) MarshalText() ([]byte, error) { return []byte(m), nil }

func (NetworkMode) schema() map[string]any {
	return enum(NetworkIsolated, NetworkNone, NetworkHost)
}

// UnmarshalText reads critical, normal or batch.
func (p *Priority) UnmarshalText(text []byte) error {
	return choose(p, text, "priority", PriorityCritical, PriorityNormal, PriorityBatch)
}

// MarshalText is the word.
func (p Priority) MarshalText() ([]byte, error) { return []byte(p), nil }

func (Priority) schema() map[string]any {
	return enum(PriorityCritical, PriorityNormal, PriorityBatch)
}

// UnmarshalText reads no, on-failure, always or unless-stopped.
func (p *RestartPolicy) UnmarshalText(text []byte) error {
	if string(text) == "false" { // what a YAML 1.1 tool makes of an unquoted "no"
		text = []byte(RestartNo)
	}
	return choose(p, text, "restart policy", RestartNo, RestartOnFailure, RestartAlways, RestartUnlessStopped)
}

// MarshalText is the word.
func (p RestartPolicy) MarshalText() ([]byte, error) { return []byte(p), nil }

func (RestartPolicy) schema() map[string]any {
	s := enum(RestartNo, RestartOnFailure, RestartAlways, RestartUnlessStopped)
	s["type"], s["enum"] = []any{"string", "boolean"}, append(s["enum"].([]any), false)
	return s
}
