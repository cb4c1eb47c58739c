package slacksim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

func chart(title string, body object) object {
	return object{"type": "data_visualization", "title": title, "chart": body}
}

func point(label string, value any) object { return object{"label": label, "value": value} }

func points(n int) (list []object, labels []string) {
	for i := range n {
		labels = append(labels, fmt.Sprintf("c%d", i))
		list = append(list, point(labels[i], i-3))
	}
	return list, labels
}

// bars is a chart of some series over the same points.
func bars(kind string, series, size int) object {
	data, labels := points(size)
	var list []object
	for i := range series {
		list = append(list, object{"name": fmt.Sprintf("s%d", i), "data": data})
	}
	return object{"type": kind, "series": list, "axis_config": object{"categories": labels, "x_label": "x", "y_label": "y"}}
}

// with sets a value deep inside a copy of an object; numbers are places of lists.
func with(v any, value any, path ...any) any {
	if len(path) == 0 {
		return value
	}
	switch v := v.(type) {
	case object:
		out := object{}
		for k, e := range v {
			out[k] = e
		}
		key := path[0].(string)
		if out[key] = with(v[key], value, path[1:]...); out[key] == nil {
			delete(out, key)
		}
		return out
	case []object:
		out := append([]object{}, v...)
		out[path[0].(int)] = with(v[path[0].(int)], value, path[1:]...).(object)
		return out
	case []string:
		out := append([]string{}, v...)
		out[path[0].(int)] = value.(string)
		return out
	}
	panic(fmt.Sprintf("no %v in %T", path, v))
}

func TestChartRules(t *testing.T) {
	chars := func(n int) string { return strings.Repeat("é", n) }
	pie := func(n int) object {
		return object{"type": "pie", "segments": repeat(point(chars(20), 0.5), n)}
	}
	bar := chart("t", bars("bar", 2, 3))
	slice := chart("t", pie(2))
	for _, c := range []struct {
		name  string
		block any
		why   string // "" if it is taken
		at    string
	}{
		{"pie", chart(chars(50), pie(12)), "", ""},
		{"bar", chart("t", bars("bar", 12, 20)), "", ""},
		{"line", chart("t", bars("line", 1, 1)), "", ""},
		{"area", chart("t", bars("area", 2, 20)), "", ""},
		{"no axis titles", with(with(bar, nil, "chart", "axis_config", "x_label"), nil, "chart", "axis_config", "y_label"), "", ""},
		{"values in another order", with(bar, []object{point("c2", 1), point("c0", 2), point("c1", 0)}, "chart", "series", 1, "data"), "", ""},
		{"no title", with(bar, nil, "title"), "missing required field: title", ""},
		{"a long title", chart(chars(51), pie(1)), "must be less than 51 characters", "/title"},
		{"a title that is an object", with(bar, object{"type": "plain_text", "text": "t"}, "title"), "unexpected object", "/title"},
		{"no chart", with(bar, nil, "chart"), "missing required field: chart", ""},
		{"no type", with(bar, nil, "chart", "type"), "missing required field: type", "/chart"},
		{"another type", with(bar, "radar", "chart", "type"), "unsupported type: radar", "/chart/type"},
		{"no segments", chart("t", pie(0)), "must have 1 to 12 items", "/chart/segments"},
		{"13 segments", chart("t", pie(13)), "must have 1 to 12 items", "/chart/segments"},
		{"a segment of nothing", with(slice, 0, "chart", "segments", 1, "value"), "must be greater than 0", "/chart/segments/1/value"},
		{"a segment without value", with(slice, nil, "chart", "segments", 1, "value"), "missing required field: value", "/chart/segments/1"},
		{"a segment's long label", with(slice, chars(21), "chart", "segments", 0, "label"), "must be less than 21 characters", "/chart/segments/0/label"},
		{"no series", with(bar, []object{}, "chart", "series"), "must have 1 to 12 items", "/chart/series"},
		{"13 series", chart("t", bars("bar", 13, 1)), "must have 1 to 12 items", "/chart/series"},
		{"21 points", chart("t", bars("bar", 1, 21)), "must have 1 to 20 items", "/chart/axis_config/categories"},
		{"no axis", with(bar, nil, "chart", "axis_config"), "missing required field: axis_config", "/chart"},
		{"a category twice", with(bar, "c0", "chart", "axis_config", "categories", 1), `category "c0" is used twice`, "/chart/axis_config/categories/1"},
		{"a long category", with(bar, chars(21), "chart", "axis_config", "categories", 0), "must be less than 21 characters", "/chart/axis_config/categories/0"},
		{"a long x_label", with(bar, chars(51), "chart", "axis_config", "x_label"), "must be less than 51 characters", "/chart/axis_config/x_label"},
		{"a long y_label", with(bar, chars(51), "chart", "axis_config", "y_label"), "must be less than 51 characters", "/chart/axis_config/y_label"},
		{"one name for two series", with(bar, "s0", "chart", "series", 1, "name"), `series name "s0" is used twice`, "/chart/series/1/name"},
		{"a long name", with(bar, chars(21), "chart", "series", 0, "name"), "must be less than 21 characters", "/chart/series/0/name"},
		{"a series without data", with(bar, []object{}, "chart", "series", 0, "data"), "must have 1 to 20 items", "/chart/series/0/data"},
		{"a point too few", with(bar, []object{point("c0", 1), point("c1", 2)}, "chart", "series", 0, "data"), "must have a value for each category", "/chart/series/0/data"},
		{"a point twice", with(bar, "c0", "chart", "series", 0, "data", 1, "label"), `label "c0" is used twice`, "/chart/series/0/data/1/label"},
		{"a point of no category", with(bar, "c9", "chart", "series", 1, "data", 2, "label"), `label "c9" is not among the categories`, "/chart/series/1/data/2/label"},
		{"a value that is text", with(bar, "1", "chart", "series", 0, "data", 0, "value"), "unexpected string", "/chart/series/data/value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := serve(t, slacksim.Options{})
			args := []string{"channel", general, "text", "x", "blocks", marshal([]any{section("above"), c.block})}
			if c.why == "" {
				r.ok("chat.postMessage", args...)
				return
			}
			out := r.refused("invalid_blocks", "chat.postMessage", args...)
			want := fmt.Sprintf("[%s [json-pointer:/blocks/1%s]]", c.why, c.at)
			if got := fmt.Sprint(obj(out, "response_metadata")["messages"]); got != want {
				t.Errorf("messages %s, want %s", got, want)
			}
		})
	}
}

func TestChartsOfAMessage(t *testing.T) {
	r := serve(t, slacksim.Options{})
	one := chart("t", bars("bar", 1, 2))
	_, stream := r.begin()
	ts := str(r.ok("chat.postMessage", "channel", general, "text", "x", "blocks", marshal(repeat(one, 2))), "ts")
	three := marshal(repeat(one, 3))
	r.refused("invalid_blocks", "chat.postMessage", "channel", general, "text", "x", "blocks", three)
	r.refused("invalid_blocks", "chat.update", "channel", general, "ts", ts, "text", "x", "blocks", three)

	r.SetCharts(false)
	off := func(method string, args ...string) {
		t.Helper()
		out := r.refused("invalid_blocks", method, append(args, "channel", general, "blocks", marshal([]object{one}))...)
		if got := fmt.Sprint(obj(out, "response_metadata")); !strings.Contains(got, "unsupported type: data_visualization [json-pointer:/blocks/0/type]") {
			t.Errorf("%s: %s", method, got)
		}
	}
	off("chat.postMessage", "text", "x")
	off("chat.update", "text", "x", "ts", ts)
	off("chat.postEphemeral", "text", "x", "user", ann)
	off("chat.stopStream", "ts", stream)
	r.say(general, "", "text is not touched")
	if m, _ := r.Message(general, ts); len(m.Blocks) != 2 {
		t.Errorf("the charts that were there are gone: %+v", m)
	}
	r.SetCharts(true)
	r.ok("chat.stopStream", "channel", general, "ts", stream, "blocks", marshal([]object{one}))

	r = serve(t, slacksim.Options{NoCharts: true})
	off("chat.postMessage", "text", "x")
	if resp, err := r.http.Post(host+"/sim/control", "application/json", strings.NewReader(`{"id":"charts","on":true}`)); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the page's switch: %v", err)
	} else {
		resp.Body.Close()
	}
	r.ok("chat.postMessage", "channel", general, "text", "x", "blocks", marshal([]object{one}))
}

func TestChartsByResponseURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serve(t, slacksim.Options{NoCharts: true})
		a := r.connect(false)
		urls := make(chan string, 1)
		go func() {
			f := a.next()
			urls <- str(f, "payload", "response_url")
			a.ack(str(f, "envelope_id"), object{"text": "wait"})
		}()
		if _, err := r.Command(t.Context(), ann, general, "usage"); err != nil {
			t.Fatal(err)
		}
		u, data, body := <-urls, chart("t", bars("bar", 1, 2)), object{}
		body["text"], body["blocks"] = "x", []object{data}
		if got := r.respond(u, body); got != "400 invalid_blocks" {
			t.Errorf("answered %q, want 400 invalid_blocks", got)
		}
		calls := r.Calls()
		if last := calls[len(calls)-1]; last.HTTPStatus != 400 || last.Error != "invalid_blocks" {
			t.Errorf("journal ends with %+v", last)
		}
		_, _, err := r.client().PostMessageContext(t.Context(), general, slack.MsgOptionResponseURL(u, slack.ResponseTypeEphemeral),
			slack.MsgOptionText("x", false), slack.MsgOptionBlocks(slackChart()))
		if err == nil || !strings.Contains(err.Error(), "400") {
			t.Errorf("slack-go reads the refusal as %v", err)
		}
		r.SetCharts(true)
		if got := r.respond(u, body); got != "200 ok" {
			t.Errorf("answered %q, want it taken", got)
		}
	})
}

func slackChart() *slack.DataVisualizationBlock {
	return slack.NewDataVisualizationBlock("Cost by day", slack.NewDataVisualizationBarChart(
		slack.NewDataVisualizationAxisConfig("Mon", "Tue").WithXLabel("Day").WithYLabel("USD"),
		slack.NewDataVisualizationDataSeries("one", slack.NewDataVisualizationDataPoint("Mon", 1.5), slack.NewDataVisualizationDataPoint("Tue", 0))))
}

// What slack-go writes is taken, and what it gets back it reads.
func TestSlackGoCharts(t *testing.T) {
	r := serve(t, slacksim.Options{})
	api := r.client()
	pie := slack.NewDataVisualizationBlock("Shares", slack.NewDataVisualizationPieChart(slack.NewDataVisualizationSegment("one", 2)))
	_, ts, err := api.PostMessageContext(t.Context(), general, slack.MsgOptionText("x", false), slack.MsgOptionBlocks(slackChart(), pie))
	if err != nil {
		t.Fatal(err)
	}
	got, err := api.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: general, Latest: ts, Inclusive: true, Limit: 1})
	if err != nil || len(got.Messages) != 1 || len(got.Messages[0].Blocks.BlockSet) != 2 {
		t.Fatalf("read back %+v, %v", got, err)
	}
	b, ok := got.Messages[0].Blocks.BlockSet[0].(*slack.DataVisualizationBlock)
	if !ok || b.Title != "Cost by day" || b.Validate() != nil {
		t.Errorf("slack-go reads the chart as %+v", got.Messages[0].Blocks.BlockSet[0])
	}
	_, err = api.PublishViewContext(t.Context(), slack.PublishViewContextRequest{UserID: ann, View: slack.HomeTabViewRequest{
		Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: []slack.Block{slackChart()}}}})
	if err == nil || !strings.Contains(err.Error(), "invalid_arguments") {
		t.Errorf("a chart in the App Home: %v, want invalid_arguments", err)
	}
}
