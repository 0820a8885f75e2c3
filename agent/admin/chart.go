package admin

import "time"

// The measures of a chart, in its own units; it is as wide as the page.
const (
	barStep    = 30
	barWidth   = 24
	barsHeight = 90
	chartWidth = dayHours * barStep
)

// meter shows what was counted of a meter: a bar for each hour, and who used
// the most.
func (m *markup) meter(d *meterDay, now time.Time) {
	m.f("<section><h2>%s <small>%s in the past 24 hours</small></h2>\n", d.name, thousands(d.total))
	most := uint64(1)
	for _, n := range d.hours {
		most = max(most, n)
	}
	m.f("<svg viewBox=\"0 0 %d %d\" role=img aria-label=\"%s by hour\">\n", chartWidth, barsHeight+18, d.name)
	first := now.Truncate(time.Hour).Add(-(dayHours - 1) * time.Hour)
	for i, n := range d.hours {
		at, height := first.Add(time.Duration(i)*time.Hour), int(n*barsHeight/most)
		if n > 0 && height == 0 {
			height = 1
		}
		class := "bar"
		if i == dayHours-1 {
			class = "bar open" // the present hour, which isn't over
		}
		m.f("<g><title>%s UTC: %s</title><rect class=floor x=%d y=0 width=%d height=%d />", timeOf(at), thousands(n), i*barStep, barStep, barsHeight)
		m.f("<rect class=\"%s\" x=%d y=%d width=%d height=%d rx=2 /></g>\n", class, i*barStep+(barStep-barWidth)/2, barsHeight-height, barWidth, height)
		if i%3 == 2 {
			m.f("<text x=%d y=%d>%s</text>\n", i*barStep+barStep/2, barsHeight+14, at.Format("15:04"))
		}
	}
	m.WriteString("</svg>\n<table><thead><tr><th>Customer<th class=n>Units<th class=n>Share</thead><tbody>\n")
	for _, c := range d.top {
		name := c.name
		if name == "" {
			name = "(customers beyond the most that are told apart)"
		}
		m.f("<tr><td class=w>%s<td class=n>%s<td class=n>%d %%\n", name, thousands(c.total), c.total*100/max(d.total, 1))
	}
	m.WriteString("</tbody></table>")
	if rest := d.customers - len(d.top); rest > 0 {
		m.f("<p class=note>and %s</p>", count(rest, "customer more", "customers more"))
	}
	m.WriteString("</section>\n")
}
