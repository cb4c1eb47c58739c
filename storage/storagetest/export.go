package storagetest

import (
	"fmt"
	"slices"

	"github.com/bobbin-bot/bobbin/storage"
)

var exportCases = []testCase{
	{"export/everything", "an export has a person's questions with their answers, what was heard of them and their feedback, and nothing of others", func(t *T) {
		mine := said(firstTS, by("U1", question("1")))
		t.asked(mine, heard("U1", heardTS, "heard of me"), heard("U2", heardTS, "heard of another"))
		t.ok(t.store.SetFeedback(t.ctx(), "1", "U1", 1, start), "feedback")
		t.ok(t.store.SetFeedback(t.ctx(), "1", "U2", -1, start), "feedback")
		t.asked(said(secondTS, by("U2", question("2"))))
		t.ok(t.store.SetFeedback(t.ctx(), "2", "U1", -1, start), "feedback")
		t.accept(in(old(5), by("U1", question("open"))), in(old(6), by("U2", question("other"))))
		t.wantExport("U1", 0, []storage.Exported{
			{Kind: storage.ExportQuestion, Key: old(5), TurnID: "open", TS: question("").TS, At: start, Text: question("open").Text, State: storage.StateReceived},
			{Kind: storage.ExportHeard, Key: thread, TurnID: "1", TS: heardTS, Text: "heard of me"},
			{Kind: storage.ExportQuestion, Key: thread, TurnID: "1", TS: firstTS, At: start, Text: mine.Text, Answer: "re: " + mine.Text, State: storage.StateDone, Feedback: 1},
			{Kind: storage.ExportFeedback, Key: thread, TurnID: "2", TS: secondTS, Feedback: -1},
		})
		t.wantExport("U9", 0, nil)
		t.forget(storage.Forgetting{UserID: "U1", At: start}, storage.Forgotten{Conversations: 1, Turns: 1, Messages: 3, Open: 1})
		t.wantExport("U1", 0, []storage.Exported{
			{Kind: storage.ExportQuestion, Key: old(5), TurnID: "open", TS: question("").TS, At: start, Text: question("open").Text, State: storage.StateReceived},
		})
	}},
	{"export/joined", "a question that was joined with others is exported alone, with the answer that all got", func(t *T) {
		turns := []storage.Turn{said(heardTS, by("U1", question("1"))), said(firstTS, by("U2", question("2"))), said(secondTS, by("U1", question("3")))}
		t.accept(turns...)
		t.join("3", "1", "2")
		t.answer("3")
		answer := t.turn("3").Answer
		want := func(turn storage.Turn) storage.Exported {
			return storage.Exported{Kind: storage.ExportQuestion, Key: thread, TurnID: turn.ID, TS: turn.TS, At: start, Text: turn.Text, Answer: answer, State: storage.StateDone}
		}
		t.wantExport("U1", 0, []storage.Exported{want(turns[0]), want(turns[2])})
		t.wantExport("U2", 0, []storage.Exported{want(turns[1])})
	}},
	{"export/pages", "pages put together are the whole, whatever their size", func(t *T) {
		var want []storage.Exported
		for i := range 6 {
			for j := range 2 {
				turn := in(old(i), said(fmt.Sprintf("170000000%d.000100", j), by("U1", question(fmt.Sprint(i, ".", j)))))
				t.accept(turn)
				want = append(want, storage.Exported{Kind: storage.ExportQuestion, Key: turn.Key, TurnID: turn.ID, TS: turn.TS, At: start, Text: turn.Text, State: storage.StateReceived})
			}
			t.accept(in(old(i+20), by("U2", question(fmt.Sprint("other ", i)))))
		}
		for limit := range 13 {
			t.wantExport("U1", limit, want)
		}
		if _, _, err := t.store.Export(t.ctx(), "U1", "no cursor", 0); err == nil {
			t.Errorf("a cursor that nobody gave out is taken")
		}
	}},
}

// wantExport reads all pages. Conversations may come in any order, what is
// said in one in that of its ts.
func (t *T) wantExport(userID string, limit int, want []storage.Exported) {
	t.Helper()
	var got []storage.Exported
	for after := ""; ; {
		page, next, err := t.store.Export(t.ctx(), userID, after, limit)
		t.ok(err, "export "+userID)
		got = append(got, page...)
		if next == "" {
			break
		}
		after = next
	}
	grouped, wanted := byConversation(got), byConversation(want)
	for key := range byConversation(slices.Concat(got, want)) {
		if !slices.Equal(grouped[key], wanted[key]) {
			t.Errorf("export of %s from %s with limit %d:\n\tgot  %+v\n\twant %+v", userID, key, limit, grouped[key], wanted[key])
		}
	}
}

func byConversation(list []storage.Exported) map[storage.ConversationKey][]storage.Exported {
	m := make(map[storage.ConversationKey][]storage.Exported)
	for _, e := range list {
		e.At = e.At.UTC()
		m[e.Key] = append(m[e.Key], e)
	}
	return m
}
