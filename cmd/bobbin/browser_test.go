package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser starts headless Chromium, or skips loudly. BOBBIN_REQUIRE_BROWSER
// turns the skip into a failure; CI sets it.
func browser(t *testing.T, width, height int) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		if os.Getenv("BOBBIN_REQUIRE_BROWSER") != "" {
			t.Fatal("BOBBIN_REQUIRE_BROWSER is set, and there is no chromium")
		}
		t.Skip("NOT TESTED: the demo page. Install chromium (Debian: apt-get install chromium) to test it")
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.WindowSize(width, height), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-sync", true), chromedp.Flag("disable-extensions", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true))
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 60*time.Second)
	t.Cleanup(cancel)
	err := chromedp.Listen(ctx, func(ev any) {
		if e, ok := ev.(*runtime.EventExceptionThrown); ok {
			t.Errorf("script error on the page: %v", e.ExceptionDetails)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// testID selects the page's stable hooks.
func testID(id string) chromedp.CSS { return chromedp.CSS(`[data-testid="` + id + `"]`) }

// step runs actions and fails with what was being done.
func step(t *testing.T, ctx context.Context, what string, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		screenshot(t, ctx, "failed")
		t.Fatalf("%s: %v", what, err)
	}
}

// look runs an action that gives a value.
func look[T any](t *testing.T, ctx context.Context, what string, action chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		screenshot(t, ctx, "failed")
		t.Fatalf("%s: %v", what, err)
	}
	return v
}

// screenshot keeps a picture if BOBBIN_SCREENSHOTS names a folder.
func screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	folder := os.Getenv("BOBBIN_SCREENSHOTS")
	if folder == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Logf("screenshot %s: %v", name, err)
		return
	}
	os.WriteFile(filepath.Join(folder, name+".png"), png, 0o600)
}

// threadUp is the 👍 in the open thread.
const threadUp = chromedp.CSS(`[data-testid="thread-panel"] [data-testid="feedback-up"]`)

// replyText is the text of the bot's answer in the open thread.
const replyText = `[...document.querySelectorAll('[data-testid="thread-panel"] [data-testid="message"]')].slice(1).
	map(m => m.querySelector('[data-testid="message-body"]')?.innerText ?? "").join("\n")`

// A person opens the demo, asks, watches the answer grow, rates it, and asks
// for usage.
func TestDemoPage(t *testing.T) {
	ctx := browser(t, 1440, 900)
	d := startDemo(t)
	step(t, ctx, "open the page", chromedp.Navigate(d.url), chromedp.WaitVisible(testID("composer")))
	screenshot(t, ctx, "1-empty")

	step(t, ctx, "ask", chromedp.SendKeys(testID("composer"), "@bobbin how do I revert a commit? Show a table and code."),
		chromedp.Click(testID("send")))
	asked := time.Now()
	lengths := map[int]bool{}
	var text string
	for !strings.Contains(text, "\n") || len(lengths) < 4 {
		step(t, ctx, "wait", chromedp.Sleep(50*time.Millisecond))
		text = look(t, ctx, "watch the reply grow", chromedp.Evaluate[string](replyText))
		if len(text) > 0 && len(lengths) == 0 {
			took := time.Since(asked)
			t.Logf("first text on screen after %v (budget 2 s)", took.Round(10*time.Millisecond))
			if took > 2*time.Second {
				t.Errorf("the first answer was on screen after %v, want 2 s", took)
			}
		}
		if len(text) > 0 {
			lengths[len(text)] = true
		}
	}
	screenshot(t, ctx, "2-growing")
	step(t, ctx, "wait for the buttons", chromedp.WaitVisible(threadUp))
	step(t, ctx, "rate the answer", chromedp.Click(threadUp))
	d.waitForLog(t, "msg=feedback")
	screenshot(t, ctx, "3-rated")

	step(t, ctx, "ask for usage", chromedp.SendKeys(testID("composer"), "/bobbin usage"), chromedp.Click(testID("send")),
		chromedp.WaitVisible(testID("ephemeral")))
	text = look(t, ctx, "read the usage", chromedp.Text(testID("ephemeral")))
	if !strings.Contains(text, "Your usage today") || !strings.Contains(text, "gateway/step-2-chat") {
		t.Errorf("usage shows %q", text)
	}
	screenshot(t, ctx, "4-usage")

	step(t, ctx, "open the simulator panel and break the model", chromedp.Click(testID("simulator-toggle")),
		chromedp.WaitVisible(testID("control-gateway-503")), chromedp.Click(testID("control-gateway-503")))
	screenshot(t, ctx, "5-faults")
	step(t, ctx, "ask again", chromedp.Click(testID("simulator-toggle")),
		chromedp.SendKeys(testID("thread-composer"), "@bobbin and how do I undo that?\r"))
	look(t, ctx, "read who answered", chromedp.Poll[bool](
		`document.querySelector('[data-testid="thread-panel"]').innerText.includes("Answered by relay")`))
	screenshot(t, ctx, "6-fallback")
}

// The page works on a phone.
func TestDemoPageOnAPhone(t *testing.T) {
	ctx := browser(t, 390, 844)
	d := startDemo(t)
	step(t, ctx, "open the page", chromedp.EmulateViewport(390, 844), chromedp.Navigate(d.url), chromedp.WaitVisible(testID("composer")))
	screenshot(t, ctx, "7-phone")
	step(t, ctx, "ask", chromedp.SendKeys(testID("composer"), "@bobbin hello\r"),
		chromedp.WaitVisible(threadUp))
	screenshot(t, ctx, "8-phone-thread")
	if look(t, ctx, "measure", chromedp.Evaluate[bool](`document.documentElement.scrollWidth > 390`)) {
		t.Error("the page scrolls sideways on a phone")
	}
}
