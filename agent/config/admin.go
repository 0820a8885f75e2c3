package config

import (
	"net"
	"strconv"
)

// Admin is the table [admin].
type Admin struct {
	// Listen is the address, HOST:PORT, of the status page and the metrics; ""
	// when there are none.
	Listen string
}

// admin reads the table [admin].
func (t table) admin(c *Admin) {
	if !t.str("listen", &c.Listen) {
		return
	}
	_, port, err := net.SplitHostPort(c.Listen)
	if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || n == 0 {
		t.fault("listen", "%s isn't an address; want %s", show(c.Listen), want("admin.listen"))
	}
}
