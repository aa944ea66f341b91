package top

import "encoding/json"

// machine is a Sample with the rates beside each container.
type machine struct {
	*Sample
	Containers []machineRow `json:"containers"`
}

type machineRow struct {
	*Container
	Rates *Rates `json:"rates,omitempty"`
}

// JSON is the last sample and its rates in one line, in the order of the rows.
func (m *Model) JSON() ([]byte, error) {
	out := machine{m.sample, []machineRow{}}
	for _, row := range m.Rows() {
		one := machineRow{Container: row.Container}
		if row.Stats != nil {
			one.Rates = &row.Rates
		}
		out.Containers = append(out.Containers, one)
	}
	return json.Marshal(out)
}
