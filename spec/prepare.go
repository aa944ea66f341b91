package spec

// Prepare is Check, CheckHost and Translate of one service, for its start: the host
// is asked once for all of them. The error is Faults if there are any; the faults
// that are returned are CheckHost's warnings.
func (c *Config) Prepare(name string, h Host, o Options) (*Translation, []Fault, error) {
	if c.Services[name] == nil {
		return nil, nil, c.noService(name)
	}
	faults := c.Check(name)
	k := &hostChecker{checker: c.newChecker([]string{name}), host: h, options: o}
	k.check(len(faults) == 0)
	if all := c.Sorted(faults, k.faults); len(all) > 0 {
		return nil, nil, all
	}
	if len(o.Args) == 0 && value(c.Services[name].Executable) == "" {
		return nil, nil, c.errNoProgram(name)
	}
	return k.translated, k.warnings.sorted(c.files), nil
}
