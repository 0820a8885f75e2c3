package admin

import (
	"bytes"
	"context"
	"image/png"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A real browser finds every part of the page, and draws it light or dark as
// its user likes. The pictures stay in the folder LOGMETER_SCREENSHOTS, to be
// looked at.
func TestPageInABrowser(t *testing.T) {
	dir := os.Getenv("LOGMETER_SCREENSHOTS")
	if dir == "" {
		t.Skip("set LOGMETER_SCREENSHOTS to a folder to look at the page in a browser")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("SKIPPED: there is no chromium")
	}
	srv := httptest.NewServer(busyServer().Public(true))
	defer srv.Close()
	browse := func(args ...string) string {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		c := exec.CommandContext(ctx, chromium, append([]string{
			"--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + t.TempDir(),
		}, append(args, srv.URL+"/")...)...)
		var out bytes.Buffer
		c.Stdout = &out
		if err := c.Run(); err != nil {
			t.Fatalf("%v: %v", c.Args, err)
		}
		return out.String()
	}
	if dom := browse("--dump-dom"); strings.Count(dom, "<rect") != 2*dayHours || !strings.Contains(dom, "<dt>Folder</dt>") {
		t.Errorf("the browser read the page as:\n%s", dom)
	}
	for name, args := range map[string][]string{
		"light":  {"--window-size=1100,1400", "--blink-settings=preferredColorScheme=1"},
		"dark":   {"--window-size=1100,1400", "--blink-settings=preferredColorScheme=0"},
		"narrow": {"--window-size=500,1800"},
	} {
		path := filepath.Join(dir, name+".png")
		browse(append(args, "--screenshot="+path)...)
		f, err := os.Open(path)
		must(t, err)
		picture, err := png.Decode(f)
		must(t, f.Close())
		must(t, err)
		r, g, b, _ := picture.At(2, 2).RGBA()
		if dark := r+g+b < 3*0x8000; dark != (name == "dark") {
			t.Errorf("%s: the page's ground is %d %d %d", name, r>>8, g>>8, b>>8)
		}
	}
}
