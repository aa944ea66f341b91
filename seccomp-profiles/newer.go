package profiles

// newerSyscalls lists the system calls that libseccomp 2.5.4 does not know, the
// oldest one that is built with, by the first kernel that has them (from the
// kernel's syscall tables, scripts/syscall.tbl and arch/*).
func newerSyscalls() map[string]string {
	return map[string]string{
		"riscv_hwprobe":     "6.4",
		"cachestat":         "6.5",
		"fchmodat2":         "6.6",
		"map_shadow_stack":  "6.6",
		"futex_requeue":     "6.7",
		"futex_wait":        "6.7",
		"futex_wake":        "6.7",
		"listmount":         "6.8",
		"lsm_get_self_attr": "6.8",
		"lsm_list_modules":  "6.8",
		"lsm_set_self_attr": "6.8",
		"statmount":         "6.8",
		"mseal":             "6.10",
		"uretprobe":         "6.11",
		"getxattrat":        "6.13",
		"listxattrat":       "6.13",
		"removexattrat":     "6.13",
		"setxattrat":        "6.13",
		"open_tree_attr":    "6.15",
		"file_getattr":      "6.17",
		"file_setattr":      "6.17",
		"uprobe":            "6.18",
		"listns":            "6.19",
	}
}
