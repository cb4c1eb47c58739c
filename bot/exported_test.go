package bot_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// An export goes to its owner alone, by direct message, and has what was said.
func TestExport(t *testing.T) {
	inWorld(t, func(_ *world, _ *slacksim.Options, m *llmsim.Options) { m.Answer = script("An answer.") }, func(w *world) {
		dm := w.slack.DM(ann)
		direct := w.post(ann, dm, "", "one & two <three>")
		w.answered(dm, direct, 1)
		ts := w.post(ben, general, "", "@bobbin bens question")
		w.answered(general, ts, 1)
		w.click(ann, ts, "down")
		w.post(ann, general, ts, "overheard")
		w.post(ben, general, ts, "@bobbin bens second")
		w.answered(general, ts, 2)
		w.post(ann, general, ts, "@bobbin anns question")
		w.answered(general, ts, 3)
		w.settle()
		m, err := w.slack.Command(w.t.Context(), ann, random, "export")
		if err != nil || !strings.Contains(m.Text, "as a file") {
			t.Errorf("answer at once: %q, %v", m.Text, err)
		}
		w.told(ann, random, "It is in our direct message")
		var files []slacksim.File
		for _, m := range w.slack.Messages(dm) {
			files = append(files, m.Files...)
		}
		if len(files) != 1 || !strings.HasPrefix(files[0].Name, "bobbin-export-") {
			t.Fatalf("files in the direct message: %+v", files)
		}
		for _, channel := range []string{general, random, w.slack.DM(ben)} {
			for _, m := range w.slack.Messages(channel) {
				if len(m.Files) > 0 {
					t.Errorf("a file went to %s", channel)
				}
			}
		}
		if _, err := w.slack.FileContent(ben, files[0].ID); err == nil {
			t.Error("ben can read ann's file")
		}
		data, err := w.slack.FileContent(ann, files[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "bens") {
			t.Errorf("the export has what ben said:\n%s", data)
		}
		var got []string
		for line := range strings.Lines(string(data)) {
			var l struct{ Kind, Channel, Text, Answer, State string }
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatal(err)
			}
			got = append(got, strings.Join([]string{l.Kind, l.Channel, l.Text, l.Answer, l.State}, "/"))
		}
		want := []string{
			"question/" + dm + "/one & two <three>/An answer./done", "feedback/C0GENERAL///", "heard/C0GENERAL/overheard//",
			"question/C0GENERAL/anns question/An answer./done", "usage/C0GENERAL///", "usage/" + dm + "///",
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("export:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if m, err := w.slack.Command(w.t.Context(), "U0DANA", general, "export"); err != nil || m.Text == "" {
			t.Error(m.Text, err)
		}
		w.told("U0DANA", general, "I have nothing of you.")
	})
}

// What stands in the way of an export is told, and a passing fault is waited out.
func TestExportFails(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		ts := w.post(ann, general, "", "@bobbin hello")
		w.answered(general, ts, 1)
		undo := w.slack.Fault(slacksim.Fault{Method: "files.getUploadURLExternal", Error: "missing_scope"})
		w.post(ann, general, ts, "@bobbin export")
		w.told(ann, general, "scopes `files:write` and `im:write`")
		undo()
		w.slack.Fault(slacksim.Fault{Method: "upload_url", Status: 503, Times: 1})
		w.slack.Fault(slacksim.Fault{Method: "files.completeUploadExternal", Status: 429, RetryAfter: 3 * time.Second, Times: 1})
		w.post(ann, general, ts, "@bobbin export")
		w.told(ann, general, "It is in our direct message")
	})
}
