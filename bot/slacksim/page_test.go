package slacksim_test

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

// browse opens the page of a workspace on a phone, or skips loudly.
// BOBBIN_REQUIRE_BROWSER turns the skip into a failure; CI sets it.
func browse(t *testing.T, o slacksim.Options) (*rig, context.Context) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("BOBBIN_REQUIRE_BROWSER") != "" {
			t.Fatal("BOBBIN_REQUIRE_BROWSER is set, and there is no chromium")
		}
		t.Skip("NOT TESTED: the page. Install chromium (Debian: apt-get install chromium) to test it")
	}
	r := serve(t, o)
	srv := httptest.NewServer(r.Workspace)
	t.Cleanup(srv.Close)
	t.Cleanup(r.Close) // first: the page's feed holds the server
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.UserDataDir(t.TempDir()))
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	err = chromedp.Listen(ctx, func(ev any) {
		if e, ok := ev.(*runtime.EventExceptionThrown); ok {
			t.Errorf("script error on the page: %v", e.ExceptionDetails)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	act(t, ctx, "open the page", chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch),
		chromedp.Navigate(srv.URL), chromedp.WaitVisible(hook("composer")))
	return r, ctx
}

func act(t *testing.T, ctx context.Context, what string, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// holds waits until an expression is true on the page. One that fails, as on an
// element that is not there yet, is not true yet.
func holds(t *testing.T, ctx context.Context, what, expression string) {
	t.Helper()
	patient := "(() => { try { return " + expression + " } catch { return false } })()"
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](patient)); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// hook selects an element by its data-testid, in the open thread if there is one.
func hook(id string) chromedp.CSS {
	return chromedp.CSS(`:is(#thread, body:not(.has-thread)) [data-testid="` + id + `"]`)
}

func TestPageReactions(t *testing.T) {
	r, ctx := browse(t, slacksim.Options{})
	ts := r.post(ben, general, "", "hello")
	reacted := func(emoji string, n int) {
		t.Helper()
		r.until("a reaction", func() bool {
			m, _ := r.Message(general, ts)
			return len(m.Reactions[emoji]) == n
		})
	}
	act(t, ctx, "press 🛑", chromedp.Click(hook("message-body")), chromedp.Click(hook("handy-octagonal_sign")))
	reacted("octagonal_sign", 1)
	act(t, ctx, "press it under the message", chromedp.Click(hook("reaction-octagonal_sign")))
	reacted("octagonal_sign", 0)
	holds(t, ctx, "see it go", `!document.querySelector('.reactions')`) // or what is clicked next would move
	act(t, ctx, "pick from the second row with the keyboard", chromedp.Click(hook("message-body")), chromedp.KeyEvent("r"),
		chromedp.WaitVisible(chromedp.CSS("#emoji-picker")), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter))
	reacted("eyes", 1)
	if err := r.React(ben, general, ts, "party_parrot"); err != nil {
		t.Fatal(err)
	}
	holds(t, ctx, "see a reaction of a name that the page does not know",
		`document.querySelector('[data-testid="reaction-party_parrot"]').innerText.includes(":party_parrot:")`)
	holds(t, ctx, "have no sideways scrolling", `document.documentElement.scrollWidth <= 390`)
}

func TestPageStopButton(t *testing.T) {
	r, ctx := browse(t, slacksim.Options{AgentView: true})
	_, ts := r.begin("chunks", chunk("I think"))
	act(t, ctx, "press Stop", chromedp.Click(hook("open-thread")), chromedp.Click(hook("stop-streaming")))
	r.until("the stop", func() bool {
		m, _ := r.Message(general, ts)
		return m.StoppedBy == ann
	})
	holds(t, ctx, "see that it was pressed", `document.querySelector('#thread [data-testid="stop-streaming"]').getAttribute("aria-disabled") === "true"`)
	r.ok("chat.stopStream", "channel", general, "ts", ts)
	holds(t, ctx, "see the button go", `!document.querySelector('[data-testid="stop-streaming"]')`)
}

func TestPageWithoutAgentView(t *testing.T) {
	r, ctx := browse(t, slacksim.Options{})
	r.begin("chunks", chunk("I think"))
	act(t, ctx, "open the thread", chromedp.Click(hook("open-thread")))
	holds(t, ctx, "see the stream without a Stop button",
		`document.querySelector('#thread .streaming') && !document.querySelector('[data-testid="stop-streaming"]')`)
}

// What an app writes is drawn, not run.
func TestPageDrawsBlocks(t *testing.T) {
	r, ctx := browse(t, slacksim.Options{})
	text := "| a | b |\n|---|---|\n| `c` | d |\n\n```go\nx := 1\n```\n- item\n\n![pic](https://e.test/p.png) [in](javascript:document.title='in') [out](https://e.test)\n" +
		"<img src=x onerror=\"document.title='in'\"><script>document.title='in'</script>"
	button := func(id, style string) object {
		return object{"type": "button", "action_id": id, "style": style, "text": object{"type": "plain_text", "text": "<b>" + id}}
	}
	r.ok("chat.postMessage", "channel", general, "text", "x", "blocks", marshal([]object{markdown(text),
		{"type": "context", "elements": []object{{"type": "mrkdwn", "text": "by *relay* <i>"}}},
		{"type": "actions", "elements": []object{button("go", "primary"), button("drop", "danger")}}}))
	r.ok("chat.postEphemeral", "channel", general, "user", ann, "text", "*bold* `code`\n<https://e.test|link> <javascript:alert(1)|no>")
	for what, expression := range map[string]string{
		"a table":                  `document.querySelector('.body td code').textContent === "c"`,
		"code with its language":   `document.querySelector('.code-box').innerText.includes("go")`,
		"a list":                   `document.querySelector('.body li').textContent === "item"`,
		"an image as a link":       `document.querySelector('.image-link').href === "https://e.test/p.png" && !document.querySelector('.body img')`,
		"HTML as text":             `document.querySelector('.body').textContent.includes("<script>") && !document.querySelector('.body script')`,
		"styles of buttons":        `document.querySelector('.button-primary').textContent === "<b>go" && Boolean(document.querySelector('.button-danger'))`,
		"a context line":           `document.querySelector('.block-context strong').textContent === "relay" && !document.querySelector('.block-context i')`,
		"an ephemeral message":     `document.querySelector('.only-you strong + code + br + a').href === "https://e.test/"`,
		"only links that are safe": `[...document.querySelectorAll('.body a')].every(a => a.protocol === "https:" && a.rel.includes("noopener"))`,
		"the page's own title":     `document.title !== "in"`,
	} {
		holds(t, ctx, "see "+what, expression)
	}

	app := r.connect(false)
	act(t, ctx, "press a button", chromedp.Click(chromedp.CSS(`[data-action-id="go"]`)))
	envelope := app.next()
	for str(envelope, "type") != "interactive" {
		app.ack(str(envelope, "envelope_id"), nil)
		envelope = app.next()
	}
	holds(t, ctx, "see it disabled while the click is under way", `document.querySelector('[data-action-id="go"]').getAttribute("aria-disabled") === "true"`)
	app.ack(str(envelope, "envelope_id"), nil)
	holds(t, ctx, "see it enabled again", `!document.querySelector('[data-action-id="go"]').hasAttribute("aria-disabled")`)
}

func TestPageEditsAndDeletes(t *testing.T) {
	r, ctx := browse(t, slacksim.Options{})
	others := r.post(ben, general, "", "his")
	ts := r.post(ann, general, "", "mine")
	own := `[data-ts="` + ts + `"] `
	act(t, ctx, "open the editor", chromedp.Click(chromedp.CSS(own+`[data-testid="message-body"]`)), chromedp.Click(chromedp.CSS(own+`[data-testid="edit-message"]`)),
		chromedp.WaitVisible(chromedp.CSS(own+`textarea`)), chromedp.SendKeys(chromedp.CSS(own+`textarea`), " and better"+kb.Enter))
	r.until("the edit", func() bool {
		m, _ := r.Message(general, ts)
		return m.Edited && m.Text == "mine and better"
	})
	act(t, ctx, "delete it", chromedp.Click(chromedp.CSS(own+`[data-testid="message-body"]`)), chromedp.Click(chromedp.CSS(own+`[data-testid="delete-message"]`)),
		chromedp.Click(chromedp.CSS(`[data-testid="confirm-delete"]`)))
	r.until("the deletion", func() bool {
		m, _ := r.Message(general, ts)
		return m.Deleted
	})
	holds(t, ctx, "find neither on somebody else's message",
		`document.querySelector('[data-ts="`+others+`"]') && !document.querySelector('[data-testid="edit-message"], [data-testid="delete-message"]')`)
}
