package slacksim_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

// texts lists the texts of a page of messages.
func texts(out object) []string {
	var list []string
	for _, m := range out["messages"].([]any) {
		list = append(list, str(m, "text"))
	}
	return list
}

func TestRepliesInPages(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true})
	r.post(ann, general, "", "other")
	root := r.post(ann, general, "", "root")
	var ts []string
	for n := range 5 {
		ts = append(ts, r.post(ben, general, root, fmt.Sprint(n)))
	}
	if err := r.Delete(ben, general, ts[3]); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"all", nil, []string{"root", "0", "1", "2", "4"}},
		{"after", []string{"oldest", ts[1]}, []string{"root", "2", "4"}},
		{"from", []string{"oldest", ts[1], "inclusive", "true"}, []string{"root", "1", "2", "4"}},
		{"before", []string{"latest", ts[2]}, []string{"root", "0", "1"}},
		{"until", []string{"latest", ts[2], "inclusive", "1"}, []string{"root", "0", "1", "2"}},
		{"between", []string{"oldest", ts[0], "latest", ts[2]}, []string{"root", "1"}},
		{"crossed", []string{"oldest", ts[2], "latest", ts[0]}, []string{"root"}},
		{"seconds", []string{"oldest", "1"}, []string{"root", "0", "1", "2", "4"}},
	} {
		out := r.ok("conversations.replies", append([]string{"channel", general, "ts", root}, c.args...)...)
		if got := texts(out); !slices.Equal(got, c.want) || out["has_more"] != false {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if got := texts(r.ok("conversations.replies", "channel", general, "ts", ts[2])); len(got) != 5 {
		t.Errorf("asked by a reply's ts: %v, want the whole thread", got)
	}

	var pages []string
	cursor := ""
	for range 10 {
		out := r.ok("conversations.replies", "channel", general, "ts", root, "limit", "3", "cursor", cursor)
		pages = append(pages, fmt.Sprint(texts(out)))
		cursor = str(out, "response_metadata", "next_cursor")
		if (cursor != "") != (out["has_more"] == true) {
			t.Errorf("has_more %v with cursor %q", out["has_more"], cursor)
		}
		if cursor == "" {
			break
		}
	}
	if want := []string{"[root 0 1]", "[root 2 4]"}; !slices.Equal(pages, want) {
		t.Errorf("pages %v, want %v: the root comes with each", pages, want)
	}
	for code, args := range map[string][]string{
		"thread_not_found":  {"channel", general, "ts", "1.000000"},
		"channel_not_found": {"channel", "C9", "ts", root},
		"invalid_cursor":    {"channel", general, "ts", root, "cursor", "zzz"},
		"invalid_ts_oldest": {"channel", general, "ts", root, "oldest", "then"},
		"invalid_ts_latest": {"channel", general, "ts", root, "latest", "1.2.3"},
		"invalid_limit":     {"channel", general, "ts", root, "limit", "x"},
	} {
		r.refused(code, "conversations.replies", args...)
	}
}

func TestMetadataIsShownOnRequest(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true})
	ts := str(r.ok("chat.postMessage", "channel", general, "text", "x", "metadata", `{"event_type":"t","event_payload":{}}`), "ts")
	for flag, want := range map[string]bool{"": false, "0": false, "true": true, "1": true} {
		for _, method := range []string{"conversations.replies", "conversations.history"} {
			out := r.ok(method, "channel", general, "ts", ts, "include_all_metadata", flag)
			if got := obj(out["messages"].([]any)[0])["metadata"] != nil; got != want {
				t.Errorf("%s with include_all_metadata %q: metadata shown %v, want %v", method, flag, got, want)
			}
		}
	}
}

func TestHistoryIsNewestFirstWithoutReplies(t *testing.T) {
	r := serve(t, slacksim.Options{NoLimits: true})
	var ts []string
	for n := range 4 {
		ts = append(ts, r.post(ann, general, "", fmt.Sprint(n)))
	}
	r.post(ben, general, ts[0], "reply")
	r.ok("chat.postMessage", "channel", general, "thread_ts", ts[0], "text", "wide", "reply_broadcast", "true")
	if err := r.Delete(ann, general, ts[2]); err != nil {
		t.Fatal(err)
	}
	out := r.ok("conversations.history", "channel", general)
	if got, want := texts(out), []string{"wide", "3", "1", "0"}; !slices.Equal(got, want) {
		t.Errorf("history %v, want %v", got, want)
	}
	first := r.ok("conversations.history", "channel", general, "limit", "3")
	rest := r.ok("conversations.history", "channel", general, "limit", "3", "cursor", str(first, "response_metadata", "next_cursor"))
	if got := append(texts(first), texts(rest)...); !slices.Equal(got, []string{"wide", "3", "1", "0"}) || first["has_more"] != true || rest["has_more"] != false {
		t.Errorf("pages hold %v", got)
	}
	if got := texts(r.ok("conversations.history", "channel", general, "latest", ts[1], "inclusive", "1", "limit", "1")); !slices.Equal(got, []string{"1"}) {
		t.Errorf("one message by its ts: %v, want it alone", got)
	}
}
