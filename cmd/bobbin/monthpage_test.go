package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The App Home and the dashboard of the demo with a month of traffic, on a desk
// and on a phone.
func TestMonthPages(t *testing.T) {
	for _, size := range []struct{ width, height int }{{1440, 900}, {390, 844}} {
		t.Run(fmt.Sprint(size.width), func(t *testing.T) {
			ctx := browser(t, size.width, size.height)
			d := startDemo(t, "--month")
			narrow := func(what string) {
				if look(t, ctx, "measure", chromedp.Evaluate[bool](fmt.Sprintf(`document.documentElement.scrollWidth > %d`, size.width))) {
					t.Errorf("%s scrolls sideways at %d px", what, size.width)
				}
			}
			step(t, ctx, "open the direct message", chromedp.EmulateViewport(int64(size.width), int64(size.height)),
				chromedp.Navigate(d.url+"#/@bobbin"), chromedp.WaitVisible(testID("home-tab")))
			step(t, ctx, "open the Home tab", chromedp.Click(testID("home-tab")))
			look(t, ctx, "see the view", chromedp.Poll[bool](`document.body.innerText.includes("My usage")`))
			text := look(t, ctx, "read it", chromedp.Evaluate[string](`document.body.innerText`))
			for _, want := range []string{"My budget", "My conversations", "Model providers", "gateway", "Workspace", "Dearest people", "█"} {
				if !strings.Contains(text, want) {
					t.Errorf("the Home shows no %q:\n%s", want, text)
				}
			}
			narrow("the Home")
			screenshot(t, ctx, fmt.Sprintf("home-%d", size.width))

			step(t, ctx, "ask", chromedp.Click(testID("messages-tab")), chromedp.WaitVisible(testID("composer")),
				chromedp.SendKeys(testID("composer"), "How do I undo a commit?\r"), chromedp.WaitVisible(threadUp))
			step(t, ctx, "look at the Home again", chromedp.Navigate(d.url+"#/@bobbin"), chromedp.WaitVisible(testID("home-tab")), chromedp.Click(testID("home-tab")))
			look(t, ctx, "see the conversation", chromedp.Poll[bool](`document.body.innerText.includes("How do I undo a commit?")`))
			screenshot(t, ctx, fmt.Sprintf("home-conversation-%d", size.width))

			step(t, ctx, "open the dashboard", chromedp.Navigate(d.dashboard))
			look(t, ctx, "see its figures", chromedp.Poll[bool](`document.body.innerText.includes("relay") && document.querySelectorAll("canvas").length >= 4`))
			narrow("the dashboard")
			screenshot(t, ctx, fmt.Sprintf("dashboard-%d", size.width))
		})
	}
}
