package config

import "time"

// report reads the table [report].
func (t table) report(c *Report) {
	var window string
	if t.str("window", &window) {
		if d, err := time.ParseDuration(window); err != nil || d != time.Hour {
			t.fault("window", `%s isn't available in this version; want "1h"`, show(window))
		}
	}
	t.duration("settle", &c.Settle, 0, time.Hour)
	onStop := "keep"
	t.choice("on_stop", &onStop, "keep", "send")
	c.SendOnStop = onStop == "send"
}
