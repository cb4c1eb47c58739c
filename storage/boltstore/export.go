package boltstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bobbin-bot/bobbin/storage"
)

const exportLimit = 100

// Export implements [storage.Store]. A damaged record ends it: an export that
// left something out would look like a whole one.
func (s *Store) Export(ctx context.Context, userID, after string, limit int) (page []storage.Exported, next string, err error) {
	limit = cmp.Or(max(limit, 0), exportLimit)
	err = s.read(ctx, func(v view) error {
		sc := scan{userID: userID, limit: 1}
		for next = after; len(page) < limit; {
			sc.found, sc.next = nil, ""
			if err := cmp.Or(sc.run(v, next), sc.bad); err != nil {
				return err
			}
			for _, thread := range sc.found {
				found, err := v.export(thread, userID)
				if err != nil {
					return err
				}
				page = append(page, found...)
			}
			if next = sc.next; next == "" || sc.read >= scanStep {
				break
			}
		}
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("export user %s: %w", userID, err)
	}
	return page, next, nil
}

// export returns what a conversation has of a person, by Slack ts.
func (v view) export(thread []byte, userID string) ([]storage.Exported, error) {
	w, err := v.words(thread, userID)
	if err != nil {
		return nil, err
	}
	c, _, err := v.conversation(thread)
	if err != nil {
		return nil, err
	}
	var out []storage.Exported
	for i := range w.turns {
		turn := &w.turns[i]
		e := storage.Exported{Key: w.key, TurnID: turn.ID, TS: turn.TS, Feedback: turn.Feedback[userID]}
		switch {
		case turn.UserID == userID:
			chain := w.chain(turn)
			e.Kind, e.At, e.State, e.Text = storage.ExportQuestion, turn.ReceivedAt, turn.State, w.ownText(turn)
			e.Answer = chain[len(chain)-1].Answer
		case e.Feedback != 0:
			e.Kind = storage.ExportFeedback
		default:
			continue
		}
		out = append(out, e)
	}
	for m, err := range v.messages(thread, c.last) {
		if err != nil {
			return nil, err
		}
		if turn := w.byID[m.TurnID]; m.UserID != userID || turn != nil && turn.UserID == userID && turn.TS == m.TS {
			continue // another's, or a question that is there already
		}
		out = append(out, storage.Exported{Kind: storage.ExportHeard, Key: w.key, TurnID: m.TurnID, TS: m.TS, Text: m.Text})
	}
	slices.SortStableFunc(out, func(a, b storage.Exported) int { return compareTS(a.TS, b.TS) })
	return out, nil
}

// ownText is a turn's text without the questions that were joined into it.
// Join puts them in front, in the order of their ts as the bot has it.
func (w *words) ownText(turn *storage.Turn) string {
	var joined []storage.Turn
	for _, t := range w.turns {
		if t.JoinedInto == turn.ID {
			joined = append(joined, t)
		}
	}
	slices.SortFunc(joined, compareTurns)
	text := turn.Text
	for i := range joined {
		rest, ok := strings.CutPrefix(text, joined[i].Text+"\n")
		if !ok {
			return turn.Text // joined in another order, or asked anew with another text
		}
		text = rest
	}
	return text
}
