package top

import (
	"fmt"
	"time"
)

// Summary is the line above the table: when, how many, how much in all.
func (m *Model) Summary() Line {
	s := m.sample
	if s == nil {
		return Line{{"reading…", Dim}}
	}
	running, known := 0, 0
	var cpu, memory *float64
	alerts := 0
	for _, row := range m.rows {
		if !row.Gone.IsZero() {
			continue
		}
		known++
		if row.Pid != 0 {
			running++
		}
		add(&cpu, row.Rates.CPU)
		add(&memory, memoryOf(row))
		if row.Service != nil {
			alerts += len(row.Service.Alerts)
		}
	}
	l := Line{
		{s.Time.Format(time.TimeOnly), Bold},
		{fmt.Sprintf("  %d running of %d", running, known), Plain},
		{"  cpu " + written(cpu, percent) + "%  mem " + written(memory, Bytes), Plain},
	}
	switch {
	case s.Supervisor == 0:
		l = append(l, Span{"  no supervisor", Dim})
	case alerts > 0:
		l = append(l, Span{fmt.Sprintf("  alerts %d", alerts), Bad})
	default:
		l = append(l, Span{"  no alerts", Plain})
	}
	return l
}

func written(v *float64, write func(float64) string) string {
	if v == nil {
		return unknown
	}
	return write(*v)
}
