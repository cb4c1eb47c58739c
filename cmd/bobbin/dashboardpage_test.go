package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// serveDashboard serves on a free port and returns the address, which the log says.
func serveDashboard(t *testing.T, o httpOptions) (address string, stop func()) {
	t.Helper()
	var buf bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&buf, nil))
	stop, err := serveHTTP(o)
	if err != nil {
		t.Fatal(err)
	}
	_, address, found := strings.Cut(strings.TrimSpace(buf.String()), "url=")
	if !found {
		t.Fatalf("the log does not say where: %s", buf.String())
	}
	stop = sync.OnceFunc(stop)
	t.Cleanup(stop)
	return address, stop
}

// complaints collects what the browser's console reports as an error: scripts
// that fail, files that are missing, and what the page's policy forbids.
func complaints(t *testing.T, ctx context.Context) (list func() []string) {
	t.Helper()
	var mu sync.Mutex
	var all []string
	err := chromedp.Listen(ctx, func(ev any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := ev.(type) {
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
				all = append(all, e.Entry.Text+" "+e.Entry.URL)
			}
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
				all = append(all, "console: "+string(e.Args[0].Value)+e.Args[0].Description)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), all...)
	}
}

// drawnCharts counts the charts with something on them.
const drawnCharts = `[...document.querySelectorAll("canvas")].filter(c => {
	const p = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
	const seen = new Set();
	for (let i = 0; i < p.length; i += 4) if (p[i + 3] > 200) seen.add(p[i] >> 5 << 6 | p[i + 1] >> 5 << 3 | p[i + 2] >> 5);
	return seen.size > 2; // more than the axes
}).length`

const live = `document.body.dataset.state === "live"`

// faintTexts are those whose contrast is below WCAG's AA.
const faintTexts = `(() => {
	const rgb = s => (s.match(/[\d.]+/g) ?? []).map(Number);
	const light = c => { const [r, g, b] = c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if ((c[3] ?? 1) === 1) return c; } };
	const faint = [];
	for (const e of document.querySelectorAll("body *")) {
		if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility() || e.closest("svg, noscript, .skip")) continue;
		const style = getComputedStyle(e), [a, b] = [light(rgb(style.color)), light(ground(e))];
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) faint.push(e.textContent.slice(0, 30) + " " + ratio.toFixed(2));
	}
	return faint.join("; ");
})()`

func scheme(name string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
		})
		return err
	})
}

func TestDashboardPage(t *testing.T) {
	ctx := browser(t, 1440, 900)
	errs := complaints(t, ctx)
	var asked atomic.Int64
	o := dashboardOptions("127.0.0.1:0", "")
	o.Source = func(_ context.Context, days int) (dashboardData, error) {
		asked.Store(int64(days))
		return sampleDashboard(time.Now(), days), nil
	}
	address, stop := serveDashboard(t, o)

	step(t, ctx, "open the page", chromedp.EmulateViewport(1440, 900), chromedp.Navigate(address), chromedp.WaitVisible(testID("tile-cost")))
	look(t, ctx, "see the charts", chromedp.Poll[bool](drawnCharts+" === 4"))
	for what, expression := range map[string]string{
		"six tiles":                    `document.querySelectorAll(".tile").length === 6 && [...document.querySelectorAll(".tile-value")].every(v => /\d/.test(v.textContent))`,
		"an unknown price":             `document.querySelector('[data-testid="tile-cost"]').innerText.includes("+ unknown") && document.querySelector("#models").innerText.includes("unknown")`,
		"a change":                     `/[+−]\d+ %/.test(document.querySelector('[data-testid="tile-answers"]').innerText)`,
		"a name as text":               `document.querySelector("#users").textContent.includes("<img src=x") && !document.querySelector("#users img") && document.title === "Bobbin · Acme Robotics"`,
		"an id for want of names":      `document.querySelector("#users").textContent.includes("U0ABCD007")`,
		"breakers in words":            `["open", "closed", "half open"].every(p => document.querySelector("#providers").innerText.includes(p))`,
		"a frozen method":              `/chat.update[\s\S]*frozen until/.test(document.querySelector("#slack").innerText)`,
		"a budget that is full":        `document.querySelector("#budgets .full") && document.querySelector("#budgets .high") && document.querySelector("#budgets").innerText.includes("lifted until")`,
		"thumbs down first":            `document.querySelector(".feedback li").className === "down"`,
		"the workspace's budget first": `document.querySelector("#budgets .name").textContent === "Workspace"`,
		"names that lead to Slack":     `document.querySelectorAll(".spenders a.name").length === 2 && document.querySelectorAll(".spenders span.name").length > 2`,
		"only links that are safe": `document.querySelectorAll(".feedback a").length === 8 &&
			[...document.querySelectorAll(".feedback a, .spenders a, #budgets a")].every(a => a.protocol === "https:" && a.rel.includes("noopener"))`,
		"charts in words":   `[...document.querySelectorAll("canvas")].every(c => c.getAttribute("aria-label").includes("Highest: ")) && document.querySelectorAll(".chart tbody tr").length === 4 * 30`,
		"headers of tables": `[...document.querySelectorAll("table")].every(t => t.querySelector("thead th[scope=col]") && t.querySelector("tbody th[scope=row]"))`,
	} {
		if !look(t, ctx, what, chromedp.Evaluate[bool]("Boolean("+expression+")")) {
			t.Errorf("the page does not show %s", what)
		}
	}
	noSidewaysScroll(t, ctx, 1440)
	bothSchemes(t, ctx)

	step(t, ctx, "choose 7 days", chromedp.Click(chromedp.CSS(`#periods [data-days="7"]`)))
	look(t, ctx, "see 7 days", chromedp.Poll[bool](`document.querySelectorAll(".chart tbody tr").length === 4 * 7 && location.search === "?days=7"`))
	if asked.Load() != 7 {
		t.Errorf("the page asked for %d days, want 7", asked.Load())
	}
	step(t, ctx, "go back", chromedp.Evaluate[chromedp.Void](`history.back()`))
	look(t, ctx, "see 30 days", chromedp.Poll[bool](`document.querySelectorAll(".chart tbody tr").length === 4 * 30`))
	step(t, ctx, "follow a link to a year", chromedp.Navigate(address+"?days=365"), chromedp.WaitVisible(testID("tile-cost")))
	look(t, ctx, "see a year", chromedp.Poll[bool](drawnCharts+` === 4 && document.querySelector("#chart-cost").textContent === "Cost by week"`))
	screenshot(t, ctx, "dashboard-year")
	if all := errs(); len(all) > 0 {
		t.Errorf("the console reports %q", all)
	}

	stop()
	step(t, ctx, "look again", chromedp.Evaluate[chromedp.Void](`document.dispatchEvent(new Event("visibilitychange"))`))
	look(t, ctx, "see that it is stale", chromedp.Poll[bool](`document.querySelector("#state").textContent.startsWith("Stale since ") &&
		document.querySelector("#trouble").innerText.includes("Trying again in") && document.querySelectorAll(".tile").length === 6`))
	screenshot(t, ctx, "dashboard-stale")
	host, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	o.Listen = host.Host
	serveDashboard(t, o)
	look(t, ctx, "see that it is back", chromedp.Poll[bool](live+` && document.querySelector("#trouble").hidden`))
}

// A refresh moves nothing, and takes no focus.
func TestDashboardRefresh(t *testing.T) {
	ctx := browser(t, 1440, 900)
	var more atomic.Int64
	o := dashboardOptions("127.0.0.1:0", "")
	o.Source = func(_ context.Context, days int) (dashboardData, error) {
		d := sampleDashboard(dashboardNow, days)
		d.Totals.Answers += more.Add(1)
		d.Budgets[1].Tokens += more.Load() * 1000
		return d, nil
	}
	address, _ := serveDashboard(t, o)
	step(t, ctx, "open the page", chromedp.Navigate(address), chromedp.WaitVisible(testID("tile-cost")),
		chromedp.Evaluate[chromedp.Void](`document.querySelectorAll(".chart summary")[1].click(); document.querySelector(".feedback a").focus();
			window.shifts = 0; new PerformanceObserver(l => l.getEntries().forEach(e => window.shifts += e.value)).observe({type: "layout-shift"});
			window.before = document.querySelector('[data-testid="tile-answers"] .tile-value').textContent; scrollTo(0, 900)`))
	step(t, ctx, "look again", chromedp.Sleep(700*time.Millisecond), chromedp.Evaluate[chromedp.Void](`window.shifts = 0; document.dispatchEvent(new Event("visibilitychange"))`))
	look(t, ctx, "see the change", chromedp.Poll[bool](`document.querySelector('[data-testid="tile-answers"] .tile-value').textContent !== window.before`))
	for what, expression := range map[string]string{
		"stay where it was":  `window.shifts === 0`,
		"keep the focus":     `document.activeElement.matches(".feedback a")`,
		"keep an open table": `document.querySelectorAll(".chart details")[1].open`,
		"let a bar grow":     `parseFloat(document.querySelector("#budgets li:nth-child(2) .bar > span").style.width) > 98.5`, // 98.3 % at first
	} {
		if !look(t, ctx, what, chromedp.Evaluate[bool](expression)) {
			t.Errorf("a refresh does not %s", what)
		}
	}
}

func TestDashboardPageOnAPhone(t *testing.T) {
	ctx := browser(t, 390, 844)
	errs := complaints(t, ctx)
	address, _ := serveDashboard(t, dashboardOptions("127.0.0.1:0", ""))
	step(t, ctx, "open the page", chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch), chromedp.Navigate(address),
		chromedp.WaitVisible(testID("tile-cost")))
	look(t, ctx, "see the charts", chromedp.Poll[bool](drawnCharts+" === 4"))
	noSidewaysScroll(t, ctx, 390)
	bothSchemes(t, ctx)
	step(t, ctx, "open the tables of the charts", chromedp.Evaluate[chromedp.Void](`document.querySelectorAll(".chart details").forEach(d => d.open = true)`))
	noSidewaysScroll(t, ctx, 390)
	if all := errs(); len(all) > 0 {
		t.Errorf("the console reports %q", all)
	}
}

func TestDashboardPageAsksForTheToken(t *testing.T) {
	ctx := browser(t, 390, 844)
	address, _ := serveDashboard(t, dashboardOptions("127.0.0.1:0", dashboardToken))
	field := chromedp.CSS("#token")
	step(t, ctx, "open the page", chromedp.EmulateViewport(390, 844), chromedp.Navigate(address), chromedp.WaitVisible(testID("unlock")))
	screenshot(t, ctx, "dashboard-token")
	step(t, ctx, "give a wrong token", chromedp.SendKeys(field, "not the token\r"))
	look(t, ctx, "be refused", chromedp.Poll[bool](`document.querySelector("#refused").textContent.includes("does not take") && document.querySelector("main").hidden`))
	step(t, ctx, "give the token", chromedp.SendKeys(field, dashboardToken+"\r"), chromedp.WaitVisible(testID("tile-cost")))
	step(t, ctx, "load it again", chromedp.Reload(), chromedp.WaitVisible(testID("tile-cost")))
	if got := look(t, ctx, "read the address", chromedp.Evaluate[string](`location.href + document.cookie + localStorage.length`)); got != address+"0" {
		t.Errorf("the token may have gone further than this tab: %s", got)
	}
}

// A new bot has nothing yet; each part says when it fills.
func TestDashboardPageIsEmptyAtFirst(t *testing.T) {
	ctx := browser(t, 1440, 900)
	errs := complaints(t, ctx)
	o := dashboardOptions("127.0.0.1:0", "")
	o.Source = func(_ context.Context, days int) (dashboardData, error) {
		d := dashboardData{Now: dashboardNow, Started: dashboardNow, Version: "devel", Period: sampleDashboard(dashboardNow, days).Period}
		for _, day := range sampleDashboard(dashboardNow, days).Days {
			d.Days = append(d.Days, dashboardDay{Day: day.Day})
		}
		return d, nil
	}
	address, _ := serveDashboard(t, o)
	step(t, ctx, "open the page", chromedp.Navigate(address), chromedp.WaitVisible(testID("tile-cost")))
	look(t, ctx, "see when each part fills", chromedp.Poll[bool](`[...document.querySelectorAll(".empty")].filter(e => e.checkVisibility() && e.textContent.startsWith("Fills ")).length === 11`))
	noSidewaysScroll(t, ctx, 1440)
	dashboardShot(t, ctx, "empty")
	if all := errs(); len(all) > 0 {
		t.Errorf("the console reports %q", all)
	}
}

// What a browser on another site's page sends does not get data.
func TestDashboardPageTellsWhyItRefuses(t *testing.T) {
	ctx := browser(t, 390, 844)
	address, _ := serveDashboard(t, dashboardOptions("127.0.0.1:0", ""))
	resp, err := http.Get(strings.Replace(address, "127.0.0.1", "localhost", 1) + "dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("localhost: %s", resp.Status)
	}
	o := dashboardOptions("127.0.0.1:0", "")
	o.Source = func(context.Context, int) (dashboardData, error) { return dashboardData{}, context.DeadlineExceeded }
	address, _ = serveDashboard(t, o)
	step(t, ctx, "open the page", chromedp.Navigate(address))
	look(t, ctx, "read why", chromedp.Poll[bool](`document.querySelector("#trouble").innerText.includes("the log says why") && document.querySelector("#state").textContent === "No data"`))
}

func noSidewaysScroll(t *testing.T, ctx context.Context, width int64) {
	t.Helper()
	if got := look(t, ctx, "measure", chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)); got > width {
		t.Errorf("the page is %d px wide in a window of %d", got, width)
	}
}

// bothSchemes looks at the whole page in light and in dark.
func bothSchemes(t *testing.T, ctx context.Context) {
	t.Helper()
	for _, name := range []string{"light", "dark"} {
		step(t, ctx, "look at it "+name, scheme(name))
		dashboardShot(t, ctx, name)
		if faint := look(t, ctx, "measure the contrast", chromedp.Evaluate[string](faintTexts)); faint != "" {
			t.Errorf("%s: too faint: %s", name, faint)
		}
	}
	step(t, ctx, "back to the default", scheme(""))
}

func dashboardShot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	folder := os.Getenv("BOBBIN_SCREENSHOTS")
	if folder == "" {
		return
	}
	width := look(t, ctx, "measure", chromedp.Evaluate[string](`String(innerWidth)`))
	step(t, ctx, "settle", chromedp.Sleep(300*time.Millisecond))
	png := look(t, ctx, "take a picture", chromedp.FullScreenshot(100))
	if err := os.WriteFile(filepath.Join(folder, "dashboard-"+width+"-"+name+".png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}
