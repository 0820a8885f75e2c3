package config

// CheckRun returns, as Problems, what keeps a daemon from billing with this
// configuration although single commands can work with it; nil when nothing
// does.
func (c *Config) CheckRun() error {
	r := &reader{file: c.File}
	if len(c.Source) == 0 {
		r.fault(1, "", "there is nothing to read; want a table [source.NAME] with path and format")
	}
	if len(c.Meter) == 0 {
		r.fault(1, "", "there is nothing to count; want a table [meter.NAME] with a match")
	}
	seen := map[string]bool{}
	for _, s := range c.Sources() {
		if seen[s.Format] {
			continue
		}
		seen[s.Format] = true
		for _, lack := range c.Format[s.Format].lacking(c.Meter) {
			r.fault(c.lines[s.Format], "format."+s.Format, "logs no %s", lack)
		}
	}
	return r.problems.err()
}
