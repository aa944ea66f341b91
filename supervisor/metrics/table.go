package metrics

import (
	"runtime"
	"slices"

	"blackhole/internal/exposition"
	"blackhole/runtime/stats"
)

// all lists the metrics about the services, in the order of the page.
func all() []metric {
	return slices.Concat(lifeMetrics(), cpuMetrics(), memoryMetrics(), diskMetrics(), countMetrics(), networkMetrics(), pressureMetrics())
}

func counter(name, help string, each func(*sink, *Service, *Snapshot), labels ...string) metric {
	return ofService(exposition.Counter, name, help, each, labels)
}

func gauge(name, help string, each func(*sink, *Service, *Snapshot), labels ...string) metric {
	return ofService(exposition.Gauge, name, help, each, labels)
}

func ofService(t exposition.Type, name, help string, each func(*sink, *Service, *Snapshot), labels []string) metric {
	return metric{
		Family: exposition.Family{Name: "blackhole_service_" + name, Type: t, Help: help, Labels: append([]string{"service"}, labels...)},
		each:   each,
	}
}

func lifeMetrics() []metric {
	return []metric{
		{
			Family: exposition.Family{
				Name: "blackhole_build_info", Type: exposition.Gauge, Help: "The supervisor's version; always 1.",
				Labels: []string{"version", "commit", "goversion"},
			},
			once: func(k *sink, s *Snapshot) { k.value(1, s.Version, s.Commit, runtime.Version()) },
		},
		{
			Family: exposition.Family{
				Name: "blackhole_monitor_interval_seconds", Type: exposition.Gauge,
				Help: "Time between two samples of what the services use.",
			},
			once: func(k *sink, s *Snapshot) { k.value(s.Interval.Seconds()) },
		},
		gauge("state", "1 for the state that the service is in, 0 for the others.", func(k *sink, s *Service, all *Snapshot) {
			for _, state := range all.States {
				k.truth(s.State == state, state)
			}
		}, "state"),
		gauge("healthy", "1 if the health check succeeds, 0 if it fails or has not succeeded yet.", func(k *sink, s *Service, _ *Snapshot) {
			if s.Healthy != nil {
				k.truth(*s.Healthy)
			}
		}),
		counter("restarts_total", "Restarts, for whatever reason.", func(k *sink, s *Service, _ *Snapshot) { k.value(float64(s.Restarts)) }),
		gauge("start_time_seconds", "When its program started, in seconds since the epoch.", func(k *sink, s *Service, _ *Snapshot) { k.time(s.Started) }),
		gauge("last_exit_time_seconds", "When its program last ended, in seconds since the epoch.", func(k *sink, s *Service, _ *Snapshot) { k.time(s.Ended) }),
		gauge("last_exit_code", "How its program last ended: its exit code, 128 and the number after a signal, -1 if nobody saw it.", func(k *sink, s *Service, _ *Snapshot) {
			if !s.Ended.IsZero() {
				k.value(float64(s.ExitCode))
			}
		}),
		counter("violations_total", "Alerts that began, since the supervisor started.", func(k *sink, s *Service, all *Snapshot) {
			for _, a := range all.Alerts {
				k.value(float64(s.Raised[a.Kind]), a.Kind, a.Severity)
			}
		}, "kind", "severity"),
		gauge("alert_active", "1 while there is an alert of the kind, 0 otherwise.", func(k *sink, s *Service, all *Snapshot) {
			for _, a := range all.Alerts {
				k.truth(s.Firing[a.Kind], a.Kind, a.Severity)
			}
		}, "kind", "severity"),
		gauge("sample_time_seconds", "When what the service uses was last read, in seconds since the epoch.", func(k *sink, s *Service, _ *Snapshot) { k.time(s.Sampled) }),
	}
}

func cpuMetrics() []metric {
	return []metric{
		counter("cpu_usage_seconds_total", "CPU time.", func(k *sink, s *Service, _ *Snapshot) { k.seconds(s.cpu().UsageNS) }),
		counter("cpu_user_seconds_total", "CPU time in programs.", func(k *sink, s *Service, _ *Snapshot) { k.seconds(s.cpu().UserNS) }),
		counter("cpu_system_seconds_total", "CPU time in the kernel.", func(k *sink, s *Service, _ *Snapshot) { k.seconds(s.cpu().SystemNS) }),
		gauge("cpu_limit_cores", "The CPU quota.", func(k *sink, s *Service, _ *Snapshot) {
			if s.Limits != nil && s.Limits.CPUCores != nil {
				k.value(*s.Limits.CPUCores)
			}
		}),
		counter("cpu_periods_total", "Periods of the CPU quota that passed.", func(k *sink, s *Service, _ *Snapshot) { k.figure(s.cpu().Periods) }),
		counter("cpu_throttled_periods_total", "Periods in which the CPU quota was used up.", func(k *sink, s *Service, _ *Snapshot) { k.figure(s.cpu().ThrottledCount) }),
		counter("cpu_throttled_seconds_total", "Time held back by the CPU quota, summed over all CPUs.", func(k *sink, s *Service, _ *Snapshot) { k.seconds(s.cpu().ThrottledNS) }),
	}
}

func memoryMetrics() []metric {
	of := func(name, help string, figure func(stats.Memory) *uint64) metric {
		return gauge(name, help, func(k *sink, s *Service, _ *Snapshot) { k.figure(figure(s.memory())) })
	}
	return []metric{
		of("memory_current_bytes", "Memory, file pages and the kernel's own for the service included.", func(m stats.Memory) *uint64 { return m.Current }),
		gauge("memory_working_set_bytes", "Memory that the kernel cannot simply drop; what the alerts go by.", func(k *sink, s *Service, _ *Snapshot) { k.figure(s.WorkingSet) }),
		of("memory_peak_bytes", "The most that memory_current_bytes was.", func(m stats.Memory) *uint64 { return m.Peak }),
		of("memory_limit_bytes", "Memory limit.", func(m stats.Memory) *uint64 { return m.Limit }),
		of("memory_soft_limit_bytes", "Memory above which the service is slowed down and its memory reclaimed.", func(m stats.Memory) *uint64 { return m.Soft }),
		of("memory_swap_bytes", "Memory that is swapped out.", func(m stats.Memory) *uint64 { return m.Swap }),
		of("memory_swap_limit_bytes", "Limit of memory_swap_bytes.", func(m stats.Memory) *uint64 { return m.SwapLimit }),
		of("memory_rss_bytes", "Anonymous memory.", func(m stats.Memory) *uint64 { return m.RSS }),
		of("memory_cache_bytes", "File pages, shared memory included.", func(m stats.Memory) *uint64 { return m.Cache }),
		of("memory_shmem_bytes", "Shared memory and tmpfs.", func(m stats.Memory) *uint64 { return m.Shmem }),
		counter("memory_events_total", "What the memory limits did: the times that a limit was passed (high) or hit (max), that memory ran out (oom), processes killed for it (oom_kill).",
			func(k *sink, s *Service, _ *Snapshot) {
				e := s.memory().Events
				if e == nil {
					return
				}
				for _, of := range []struct {
					event string
					times *uint64
				}{{"low", e.Low}, {"high", e.High}, {"max", e.Max}, {"oom", e.OOM}, {"oom_kill", e.OOMKill}, {"oom_group_kill", e.OOMGroupKill}} {
					k.figure(of.times, of.event)
				}
			}, "event"),
		counter("oom_kills_total", "Processes killed for want of memory, since the supervisor started.", func(k *sink, s *Service, _ *Snapshot) { k.value(float64(s.OOMKills)) }),
	}
}

func diskMetrics() []metric {
	used := func(name, help string, figure func(stats.Device) *uint64) metric {
		return counter(name, help, func(k *sink, s *Service, _ *Snapshot) {
			for _, d := range s.io().Devices {
				k.figure(figure(d), disk(d.Name, d.Major, d.Minor))
			}
		}, "device")
	}
	limit := func(name, help string, figure func(stats.DeviceLimits) *uint64) metric {
		return gauge(name, help, func(k *sink, s *Service, _ *Snapshot) {
			if s.Limits == nil {
				return
			}
			for _, d := range s.Limits.Devices {
				k.figure(figure(d), disk(d.Name, d.Major, d.Minor))
			}
		}, "device")
	}
	return []metric{
		used("io_read_bytes_total", "Bytes read from the disk.", func(d stats.Device) *uint64 { return d.ReadBytes }),
		used("io_written_bytes_total", "Bytes written to the disk.", func(d stats.Device) *uint64 { return d.WriteBytes }),
		used("io_reads_total", "Read operations of the disk.", func(d stats.Device) *uint64 { return d.ReadIOs }),
		used("io_writes_total", "Write operations of the disk.", func(d stats.Device) *uint64 { return d.WriteIOs }),
		limit("io_read_limit_bytes_per_second", "Limit of what is read from the disk.", func(d stats.DeviceLimits) *uint64 { return d.ReadBytes }),
		limit("io_write_limit_bytes_per_second", "Limit of what is written to the disk.", func(d stats.DeviceLimits) *uint64 { return d.WriteBytes }),
		limit("io_read_limit_operations_per_second", "Limit of the disk's read operations.", func(d stats.DeviceLimits) *uint64 { return d.ReadIOs }),
		limit("io_write_limit_operations_per_second", "Limit of the disk's write operations.", func(d stats.DeviceLimits) *uint64 { return d.WriteIOs }),
	}
}

func countMetrics() []metric {
	return []metric{
		gauge("pids", "Processes and threads.", func(k *sink, s *Service, _ *Snapshot) { k.figure(s.pids().Current) }),
		gauge("pids_limit", "Limit of processes and threads.", func(k *sink, s *Service, _ *Snapshot) { k.figure(s.pids().Limit) }),
		gauge("open_fds", "Open descriptors of the process that is nearest to its limit.", func(k *sink, s *Service, _ *Snapshot) {
			if s.Stats != nil && s.Stats.FDs != nil {
				k.value(float64(s.Stats.FDs.Open))
			}
		}),
		gauge("max_fds", "Limit of the descriptors of that process.", func(k *sink, s *Service, _ *Snapshot) {
			if s.Stats != nil && s.Stats.FDs != nil {
				k.figure(s.Stats.FDs.Limit)
			}
		}),
	}
}
