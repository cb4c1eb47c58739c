package boltstore

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/bobbin-bot/bobbin/storage"
)

// words are what a conversation has of a person.
type words struct {
	userID   string
	key      storage.ConversationKey
	turns    []storage.Turn // all of the conversation
	byID     map[string]*storage.Turn
	gone     map[string]bool // turns that hold the person's words and have ended
	kept     map[string]bool // those that have not, and what was joined into them
	open     int             // of kept, those that are open
	feedback int
}

func (v view) words(thread []byte, userID string) (*words, error) {
	r := keyReader{decoder{b: thread}}
	w := &words{userID: userID, key: r.thread(), gone: make(map[string]bool), kept: make(map[string]bool)}
	if err := r.end(); err != nil {
		return nil, damaged(bucketThread, thread, err.Error())
	}
	var err error
	if w.turns, err = v.allTurns(w.key, thread); err != nil {
		return nil, err
	}
	w.byID = make(map[string]*storage.Turn, len(w.turns))
	for i := range w.turns {
		w.byID[w.turns[i].ID] = &w.turns[i]
	}
	for i := range w.turns {
		if turn := &w.turns[i]; turn.UserID == userID {
			w.take(w.chain(turn))
		}
	}
	return w, nil
}

// chain is a turn, the one it was joined into, and so on: each text holds that
// of the one before. Only the last can be open.
func (w *words) chain(turn *storage.Turn) []*storage.Turn {
	list := []*storage.Turn{turn}
	for turn.JoinedInto != "" && len(list) <= len(w.turns) {
		// The turn it was joined into may be gone, with its own author's words.
		if turn = w.byID[turn.JoinedInto]; turn == nil {
			break
		}
		list = append(list, turn)
	}
	return list
}

func (w *words) take(chain []*storage.Turn) {
	last := chain[len(chain)-1]
	set := w.gone
	if !last.State.Terminal() {
		set = w.kept
		if !w.kept[last.ID] {
			w.open++
		}
	}
	for _, turn := range chain {
		set[turn.ID] = true
	}
}

// stays reports whether a turn of the user is left.
func (w *words) stays(userID string) bool {
	return slices.ContainsFunc(w.turns, func(t storage.Turn) bool { return t.UserID == userID && !w.gone[t.ID] })
}

// in reports whether the message of the history holds the person's words, or
// answers them.
func (w *words) in(m *storage.Message) bool {
	if w.gone[m.TurnID] {
		return m.UserID == w.userID || m.Role == storage.RoleAssistant || m.TS == w.byID[m.TurnID].TS
	}
	return m.UserID == w.userID && !w.kept[m.TurnID]
}

// splitThread takes a key of bucketThread apart.
func splitThread(k []byte) (thread []byte, part byte, ok bool) {
	r := keyReader{decoder{b: k}}
	r.thread()
	if r.err != nil || len(r.b) == 0 {
		return nil, 0, false
	}
	return bytes.Clone(k[:len(k)-len(r.b)]), r.b[0], true
}

// behind is where the records of the next conversation begin.
func behind(thread []byte) []byte { return extend(thread, partMessage+1, 0) }

// scan looks through conversations for a person, from a cursor on.
type scan struct {
	userID string
	limit  int // conversations to find
	read   int // records, in all runs
	found  [][]byte
	next   string // cursor to go on from; "" at the end
	bad    error  // the first damaged record
}

func (sc *scan) damaged(err error) {
	if sc.bad == nil {
		sc.bad = err
	}
}

// cursor names the last conversation that was looked through.
func cursor(thread []byte) string { return hex.EncodeToString(thread) }

func cursorThread(after string) ([]byte, error) {
	thread, err := hex.DecodeString(after)
	if err != nil {
		return nil, errors.New("the cursor is none of this store's")
	}
	return thread, nil
}

func (sc *scan) run(v view, after string) error {
	c := v.cursor(bucketThread)
	k, record := c.First()
	if after != "" {
		thread, err := cursorThread(after)
		if err != nil {
			return err
		}
		k, record = c.Seek(behind(thread))
	}
	var at []byte // the conversation being looked through
	for ; k != nil; sc.read++ {
		thread, part, ok := splitThread(k)
		payload, err := unseal(bucketThread, k, record)
		if err == nil && !ok {
			err = damaged(bucketThread, k, "its key cannot be read")
		}
		if err != nil {
			sc.damaged(err)
			k, record = c.Next()
			continue
		}
		if at != nil && !bytes.Equal(thread, at) && (sc.read >= scanStep || len(sc.found) >= sc.limit) {
			sc.next = cursor(at)
			return nil
		}
		at = thread
		mine, err := sc.holds(thread, part, k, payload)
		if err != nil {
			sc.damaged(err)
		}
		if mine {
			sc.found = append(sc.found, thread)
			k, record = c.Seek(behind(thread))
		} else {
			k, record = c.Next()
		}
	}
	return nil
}

// holds reports whether a record is the person's or has their feedback.
func (sc *scan) holds(thread []byte, part byte, k, payload []byte) (bool, error) {
	if !bytes.Contains(payload, []byte(sc.userID)) { // spares most decoding
		return false, nil
	}
	switch part {
	case partTurn:
		turn, err := decodeTurn(storage.ConversationKey{}, "", payload)
		if err != nil {
			return false, damaged(bucketThread, k, err.Error())
		}
		_, judged := turn.Feedback[sc.userID]
		return judged || turn.UserID == sc.userID, nil
	case partMessage:
		m, err := decodeMessage(0, payload)
		if err != nil {
			return false, damaged(bucketThread, k, err.Error())
		}
		return m.UserID == sc.userID, nil
	case partConversation:
		return false, nil
	}
	return false, damaged(bucketThread, k, fmt.Sprintf("part %d is not known", part))
}
