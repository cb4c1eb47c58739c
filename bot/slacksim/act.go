package slacksim

import (
	"fmt"
	"path"
	"strings"
	"time"
)

// Post writes a message as a person and delivers its events. threadTS is empty,
// or the timestamp of a message in the channel, whose thread is answered. text
// is what the person types: "@bobbin" becomes a mention, and &, < and > are
// escaped unless they belong to an entity or to a sequence such as <@U0BOBBIN>.
func (w *Workspace) Post(userID, channelID, threadTS, text string) (ts string, err error) {
	return w.post(userID, channelID, threadTS, text, nil)
}

// PostFile is Post with a file, which makes the subtype file_share. The file
// has a name and no content: nothing answers at its URL.
func (w *Workspace) PostFile(userID, channelID, threadTS, text, fileName string) (ts string, err error) {
	return w.post(userID, channelID, threadTS, text, func(f *File) { f.Name, f.Title = fileName, fileName })
}

func (w *Workspace) post(userID, channelID, threadTS, text string, file func(*File)) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, p, err := w.place(userID, channelID)
	if err != nil {
		return "", err
	}
	if c.Archived {
		return "", fmt.Errorf("is_archived: %s", channelID)
	}
	if text == "" && file == nil {
		return "", fmt.Errorf("no_text: %s posted nothing", userID)
	}
	if threadTS != "" {
		root := c.rootOf(threadTS)
		if root == nil {
			return "", fmt.Errorf("thread_not_found: %q in %s", threadTS, channelID)
		}
		threadTS = root.TS
	}
	m := &message{
		Message:     Message{TS: w.newTS(), ThreadTS: threadTS, User: p.ID, Text: w.typed(text)},
		clientMsgID: newUUID(),
	}
	if file != nil {
		f := File{ID: w.newID("F"), Created: time.Now().Unix(), Timestamp: time.Now().Unix(), Mode: "hosted", User: p.ID}
		file(&f)
		f.Filetype = strings.TrimPrefix(path.Ext(f.Name), ".")
		f.Mimetype = mimeType(f.Filetype)
		f.URLPrivate = w.baseURL + "/files/" + f.ID + "/" + f.Name
		f.URLPrivateDownload = f.URLPrivate
		m.Subtype, m.Files = "file_share", []File{f}
	}
	w.add(c, m)
	w.announce(c, m)
	return m.TS, nil
}

// mimeType covers a few types by hand, since package mime reads the system's
// own table.
func mimeType(ext string) string {
	switch strings.ToLower(ext) {
	case "txt", "md", "log":
		return "text/plain"
	case "csv":
		return "text/csv"
	case "json":
		return "application/json"
	case "pdf":
		return "application/pdf"
	case "png", "gif", "jpeg", "webp":
		return "image/" + strings.ToLower(ext)
	case "jpg":
		return "image/jpeg"
	}
	return "application/octet-stream"
}

// rootOf finds the first message of the thread that ts belongs to, or the
// message itself if it is in none.
func (c *channel) rootOf(ts string) *message {
	m := c.byTS[ts]
	if m == nil {
		return nil
	}
	if root := c.byTS[m.ThreadTS]; root != nil {
		return root
	}
	return m
}

// own finds a message that the person wrote.
func (w *Workspace) own(userID, channelID, ts string) (*channel, *message, error) {
	c, _, err := w.place(userID, channelID)
	if err != nil {
		return nil, nil, err
	}
	m := c.byTS[ts]
	if m == nil || m.Deleted {
		return nil, nil, fmt.Errorf("message_not_found: %q in %s", ts, channelID)
	}
	if m.User != userID {
		return nil, nil, fmt.Errorf("cant_update_message: %s wrote %s", m.User, ts)
	}
	return c, m, nil
}

// Edit replaces the text of a person's own message. The app gets
// message_changed and, if the new text mentions the bot and the old one did
// not, app_mention with an edited field.
func (w *Workspace) Edit(userID, channelID, ts, text string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, m, err := w.own(userID, channelID, ts)
	if err != nil {
		return err
	}
	if text == "" {
		return fmt.Errorf("no_text: %s left nothing of %s", userID, ts)
	}
	before := w.wire(m, true)
	m.Text = w.typed(text)
	m.Edited, m.editedBy, m.editedTS = true, userID, w.newTS()
	w.announceChange(c, m, before)
	if c.im == "" && w.mentionsBot(m.Text) && !w.mentionsBot(before.Text) {
		w.emit(c, w.mentionEvent(c, m))
	}
	return nil
}

// Delete deletes a person's own message. The app gets message_deleted.
func (w *Workspace) Delete(userID, channelID, ts string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, m, err := w.own(userID, channelID, ts)
	if err != nil {
		return err
	}
	w.remove(c, m)
	return nil
}
