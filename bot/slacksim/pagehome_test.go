package slacksim_test

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

func plainText(s string) object { return object{"type": "plain_text", "text": s} }

func option(label, value string) object { return object{"text": plainText(label), "value": value} }

func button(id, value, label string, more ...object) object {
	b := object{"type": "button", "action_id": id, "value": value, "text": plainText(label)}
	for _, m := range more {
		for k, v := range m {
			b[k] = v
		}
	}
	return b
}

func confirming(title, text, yes string) object {
	return object{"confirm": object{"title": plainText(title), "text": object{"type": "mrkdwn", "text": text}, "confirm": plainText(yes), "deny": plainText("Keep it"), "style": "danger"}}
}

// richHome is a view with each kind of block that the page draws.
func richHome(total string) string {
	rich := func(kind string, elements ...object) object { return object{"type": kind, "elements": elements} }
	text := func(s string) object { return object{"type": "text", "text": s} }
	return home(
		object{"type": "header", "text": plainText("My usage")},
		section("Today: *"+total+"*, 12 answers, 48,120 tokens, first text after 0.8 s\nDecember: *$1.92*, 148 answers, 611,402 tokens, 2 % by fallback"),
		rich("rich_text",
			rich("rich_text_section", text("Cost by day, "), object{"type": "text", "text": "USD", "style": object{"bold": true}}),
			rich("rich_text_preformatted", text("Mon ██████████           $0.21\nTue ████████████████████ $0.42\nWed █████                $0.10")),
			rich("rich_text_list", rich("rich_text_section", text("see "), object{"type": "link", "url": "https://e.test/prices", "text": "prices"}))),
		object{"type": "divider"},
		object{"type": "header", "text": plainText("My conversations")},
		object{"type": "section", "text": object{"type": "mrkdwn", "text": "<#C0GENERAL>, 3 questions, 1 December 09:12\n>How do I reverse a string in Go?"},
			"accessory": button("forget", "C0GENERAL:1", "Forget", object{"style": "danger"}, confirming("Forget this conversation?", "It is gone for *good*.", "Forget it"))},
		object{"type": "section", "text": object{"type": "mrkdwn", "text": "Direct message, 1 question"},
			"accessory": object{"type": "overflow", "action_id": "more", "options": []object{option("Open", "open"), option("Export", "export")}}},
		object{"type": "section", "text": object{"type": "mrkdwn", "text": "*Model* for my questions"},
			"accessory": object{"type": "static_select", "action_id": "model", "placeholder": plainText("Choose a model"), "initial_option": option("step-2-chat", "step"),
				"options": []object{option("step-2-chat", "step"), option("gpt-5-mini", "mini")}}},
		object{"type": "image", "image_url": "https://e.test/a.png", "alt_text": "a bobbin"},
		object{"type": "actions", "elements": []object{button("refresh", "1", "Refresh", object{"style": "primary"}), button("docs", "d", "Prices", object{"url": "https://e.test/prices"})}},
		object{"type": "context", "elements": []object{{"type": "mrkdwn", "text": "As of 1 December 09:14. Days are counted in UTC."}}},
	)
}

func TestPageHome(t *testing.T) {
	r, ctx := browse(t, slacksim.Options{})
	app := r.connect(true)
	next := func(kind string) object {
		t.Helper()
		for {
			if f := app.next(); f["type"] == kind {
				return obj(f, "payload")
			}
		}
	}
	opened := func(tab string) {
		t.Helper()
		if e := obj(next("events_api"), "event"); str(e, "type") != "app_home_opened" || str(e, "tab") != tab {
			t.Errorf("event %v, want app_home_opened of tab %s", e, tab)
		}
	}
	act(t, ctx, "open the direct message", chromedp.Click(chromedp.CSS(`#channel-header .back`)), chromedp.Click(hook("dm-bobbin")))
	opened("messages")
	act(t, ctx, "open the Home", chromedp.Click(hook("home-tab")), chromedp.WaitVisible(hook("home-empty")))
	opened("home")
	holds(t, ctx, "see neither messages nor composer", `!document.querySelector('#timeline').checkVisibility() && !document.querySelector('[data-testid="composer"]').checkVisibility()`)
	r.ok("views.publish", "user_id", ben, "view", home(section("for ben")))
	r.ok("views.publish", "user_id", ann, "view", richHome("$0.31"))
	for what, expression := range map[string]string{
		"figures":        `document.querySelector('#home strong').textContent === "$0.31"`,
		"a heading":      `document.querySelector('#home .block-header').textContent === "My usage"`,
		"preformatted":   `document.querySelector('#home pre code').textContent.includes("Tue ████")`,
		"a list":         `document.querySelector('#home li a').href === "https://e.test/prices"`,
		"an image":       `document.querySelector('#home .block-image').textContent.includes("a bobbin")`,
		"no other view":  `!document.querySelector('#home').textContent.includes("for ben")`,
		"all blocks":     `!document.querySelector('#home .block-unknown')`,
		"the page whole": `document.documentElement.scrollWidth <= 390`,
	} {
		holds(t, ctx, "see "+what, expression)
	}

	clicked := func(action, value string) {
		t.Helper()
		p := next("interactive")
		a := obj(p["actions"].([]any)[0])
		if str(p, "container", "type") != "view" || str(a, "action_id") != action || str(a, "value")+str(a, "selected_option", "value") != value {
			t.Errorf("payload %v, want %s=%s of the view", p, action, value)
		}
	}
	act(t, ctx, "press a button", chromedp.Click(chromedp.CSS(`#home [data-action-id="refresh"]`)))
	clicked("refresh", "1")
	r.ok("views.publish", "user_id", ann, "view", richHome("$0.32"))
	holds(t, ctx, "see the new figures", `document.querySelector('#home strong').textContent === "$0.32"`)

	act(t, ctx, "press a button that asks, and say no", chromedp.Click(chromedp.CSS(`#home [data-action-id="forget"]`)), chromedp.WaitVisible(hook("confirm-dialog")),
		chromedp.Click(hook("confirm-deny")), chromedp.WaitNotVisible(hook("confirm-dialog")),
		chromedp.Click(chromedp.CSS(`#home [data-action-id="forget"]`)), chromedp.WaitVisible(hook("confirm-dialog")))
	holds(t, ctx, "see what is asked", `(d => d.innerText.includes("Forget this conversation?") && d.querySelector("strong").textContent === "good" && d.querySelector("[value=confirm]").textContent === "Forget it")(document.querySelector('#confirm-action'))`)
	act(t, ctx, "say yes", chromedp.Click(hook("confirm-yes")))
	clicked("forget", "C0GENERAL:1")

	act(t, ctx, "choose from the menu", chromedp.Click(chromedp.CSS(`#home .overflow summary`)), chromedp.Click(chromedp.CSS(`#home [data-value="export"]`)))
	clicked("more", "export")
	holds(t, ctx, "see it close", `!document.querySelector('#home .overflow').open`)
	choose(t, ctx, "mini")
	clicked("model", "mini")
	act(t, ctx, "follow a link", chromedp.Click(chromedp.CSS(`#home [data-action-id="docs"]`)))
	clicked("docs", "d")

	act(t, ctx, "go back to the messages", chromedp.Click(hook("messages-tab")), chromedp.WaitVisible(hook("composer")))
	opened("messages")
	act(t, ctx, "and by the browser to the Home", chromedp.NavigateBack(), chromedp.WaitVisible(hook("home")))
	opened("home")
	act(t, ctx, "load the page anew", chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS(`#home [data-action-id="refresh"]`)))
	opened("home")
	n := 0
	for _, d := range r.Deliveries() {
		if d.Event == "app_home_opened" {
			n++
		}
	}
	if n != 5 {
		t.Errorf("%d app_home_opened, want one for each opening", n)
	}
}

func choose(t *testing.T, ctx context.Context, value string) {
	t.Helper()
	holds(t, ctx, "find the chosen model", `document.querySelector('#home select').value === "step"`)
	holds(t, ctx, "choose another", `(s => { s.value = "`+value+`"; s.dispatchEvent(new Event("change", {bubbles: true})); return true })(document.querySelector('#home select'))`)
}

// A button of a message asks as well.
func TestPageConfirms(t *testing.T) {
	r, ctx := browse(t, slacksim.Options{})
	app := r.connect(false)
	r.ok("chat.postMessage", "channel", general, "text", "x", "blocks", marshal([]object{{"type": "actions", "elements": []object{
		button("drop", "1", "Drop", confirming("Drop it?", "For good.", "Drop it"))}}}))
	act(t, ctx, "press it and say yes", chromedp.Click(chromedp.CSS(`[data-action-id="drop"]`)), chromedp.WaitVisible(hook("confirm-dialog")), chromedp.Click(hook("confirm-yes")))
	for {
		f := app.next()
		app.ack(str(f, "envelope_id"), nil)
		if f["type"] == "interactive" {
			break
		}
	}
}

func TestPageCharts(t *testing.T) {
	r, ctx := browse(t, slacksim.Options{})
	for _, kind := range []string{"bar", "line", "area"} {
		r.ok("chat.postMessage", "channel", general, "text", "x", "blocks", marshal([]object{chart("Cost <b> by "+kind, bars(kind, 2, 4))}))
	}
	r.ok("chat.postMessage", "channel", general, "text", "x", "blocks", marshal([]object{chart("Shares",
		object{"type": "pie", "segments": []object{point("one", 3), point("two", 1)}})}))
	seen := func(kind string) string { return `document.querySelector('[data-chart="` + kind + `"]')` }
	for what, expression := range map[string]string{
		"two bars a category":     seen("bar") + `.querySelectorAll('.chart-narrow .chart-bar').length === 8`,
		"bars below zero":         `[...` + seen("bar") + `.querySelectorAll('.chart-narrow .chart-bar')].every(b => b.getAttribute("height") >= 0)`,
		"lines":                   seen("line") + `.querySelectorAll('.chart-narrow .chart-line').length === 2`,
		"areas":                   seen("area") + `.querySelectorAll('.chart-narrow .chart-area').length === 2`,
		"slices":                  seen("pie") + `.querySelectorAll('.chart-slice').length === 2`,
		"the one that fits":       seen("bar") + `.querySelector('.chart-narrow').checkVisibility() && !` + seen("bar") + `.querySelector('.chart-wide').checkVisibility()`,
		"colours without a style": `getComputedStyle(` + seen("bar") + `.querySelector('.chart-bar')).fill !== "rgb(0, 0, 0)"`,
		"the data in words":       seen("bar") + `.querySelector('[role=img]').getAttribute("aria-label").includes("Bar chart of x and y. s0: c0 -3, c1 -2")`,
		"shares in words":         seen("pie") + `.querySelector('[role=img]').getAttribute("aria-label").includes("one 3 (75 %)")`,
		"a title as text":         seen("bar") + `.querySelector('figcaption').textContent === "Cost <b> by bar"`,
		"the page whole":          `document.documentElement.scrollWidth <= 390`,
	} {
		holds(t, ctx, "see "+what, expression)
	}
	act(t, ctx, "switch charts off", chromedp.Click(hook("simulator-toggle")), chromedp.WaitVisible(hook("control-charts")), chromedp.Click(hook("control-charts")))
	r.until("the switch", func() bool {
		return str(r.call("chat.postMessage", "channel", general, "text", "x", "blocks", marshal([]object{chart("t", bars("bar", 1, 1))})), "error") == "invalid_blocks"
	})
}
