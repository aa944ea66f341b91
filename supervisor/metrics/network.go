package metrics

import "blackhole/runtime/stats"

func networkMetrics() []metric {
	link := func(name, help string, figure func(*stats.Network) uint64) metric {
		return counter("network_"+name, help, func(k *sink, s *Service, _ *Snapshot) {
			if s.Network != nil {
				k.value(float64(figure(s.Network)))
			}
		})
	}
	// each calls write for the directions that are shaped.
	each := func(write func(*sink, *stats.Shaping, string)) func(*sink, *Service, *Snapshot) {
		return func(k *sink, s *Service, _ *Snapshot) {
			if s.Network == nil {
				return
			}
			for _, of := range []struct {
				direction string
				shaping   *stats.Shaping
			}{{"ingress", s.Network.Ingress}, {"egress", s.Network.Egress}} {
				if of.shaping != nil {
					write(k, of.shaping, of.direction)
				}
			}
		}
	}
	return []metric{
		link("receive_bytes_total", "Bytes that the service received, Ethernet headers included.", func(n *stats.Network) uint64 { return n.RxBytes }),
		link("transmit_bytes_total", "Bytes that the service sent, Ethernet headers included.", func(n *stats.Network) uint64 { return n.TxBytes }),
		link("receive_packets_total", "Packets that the service received.", func(n *stats.Network) uint64 { return n.RxPackets }),
		link("transmit_packets_total", "Packets that the service sent.", func(n *stats.Network) uint64 { return n.TxPackets }),
		link("receive_packets_dropped_total", "Packets to the service that its interface dropped.", func(n *stats.Network) uint64 { return n.RxDropped }),
		link("transmit_packets_dropped_total", "Packets of the service that its interface dropped.", func(n *stats.Network) uint64 { return n.TxDropped }),
		gauge("network_limit_bytes_per_second", "Bandwidth that programs get over TCP; ingress is what the service receives.",
			each(func(k *sink, s *stats.Shaping, direction string) {
				if s.Rate != 0 {
					k.value(float64(s.Rate), direction)
				}
			}), "direction"),
		counter("network_shaped_bytes_total", "Bytes that passed the shaping, Ethernet headers included.",
			each(func(k *sink, s *stats.Shaping, direction string) { k.value(float64(s.Bytes), direction) }), "direction"),
		counter("network_shaping_dropped_packets_total", "Packets that the shaping dropped, because too many waited.",
			each(func(k *sink, s *stats.Shaping, direction string) { k.value(float64(s.Dropped), direction) }), "direction"),
		counter("network_shaping_overlimits_total", "Times that a packet had to wait for the bandwidth.",
			each(func(k *sink, s *stats.Shaping, direction string) { k.value(float64(s.Overlimits), direction) }), "direction"),
		gauge("network_shaping_backlog_bytes", "Bytes that wait for the bandwidth.",
			each(func(k *sink, s *stats.Shaping, direction string) { k.value(float64(s.BacklogBytes), direction) }), "direction"),
		gauge("network_shaping_backlog_packets", "Packets that wait for the bandwidth.",
			each(func(k *sink, s *stats.Shaping, direction string) { k.value(float64(s.BacklogPackets), direction) }), "direction"),
	}
}

func pressureMetrics() []metric {
	each := func(stall func(*stats.Pressure) *stats.Stall) func(*sink, *Service, *Snapshot) {
		return func(k *sink, s *Service, _ *Snapshot) {
			for _, of := range []struct {
				resource string
				pressure *stats.Pressure
			}{{"cpu", s.cpu().Pressure}, {"memory", s.memory().Pressure}, {"io", s.io().Pressure}} {
				if of.pressure != nil {
					if st := stall(of.pressure); st != nil {
						k.seconds(&st.TotalNS, of.resource)
					}
				}
			}
		}
	}
	return []metric{
		counter("pressure_waiting_seconds_total", "Time in which some task waited for the resource (PSI some).",
			each(func(p *stats.Pressure) *stats.Stall { return p.Some }), "resource"),
		counter("pressure_stalled_seconds_total", "Time in which no task could go on for want of the resource (PSI full).",
			each(func(p *stats.Pressure) *stats.Stall { return p.Full }), "resource"),
	}
}
