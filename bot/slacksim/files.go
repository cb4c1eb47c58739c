package slacksim

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxUpload bounds what is kept of one file; Slack takes 1 GB.
const maxUpload = 64 << 20

// upload is a file of the app: announced, then sent, then completed.
// docs.slack.dev/messaging/working-with-files
type upload struct {
	id, name string
	length   int
	data     []byte
	sent     bool
	channel  *channel // nil: private to the app
	made     time.Time
}

// uploadLife is how long an upload may take. Slack gives no number.
const uploadLife = time.Hour

// getUploadURL is files.getUploadURLExternal.
func (w *Workspace) getUploadURL(q *request) reply {
	n, err := strconv.Atoi(q.args["length"])
	switch {
	case q.args["filename"] == "":
		return fail("invalid_arguments", "[ERROR] missing required field: filename")
	case err != nil || n <= 0:
		return fail("invalid_arguments", "[ERROR] missing required field: length")
	case n > maxUpload:
		return fail("file_upload_size_restricted")
	}
	for key, old := range w.uploads {
		if q.at.Sub(old.made) > uploadLife {
			delete(w.uploads, key)
		}
	}
	u := &upload{id: w.newID("F"), name: q.args["filename"], length: n, made: q.at}
	key := rand.Text()
	w.uploads[key] = u
	return reply{"upload_url": q.baseURL("http") + "/upload/v1/" + key, "file_id": u.id}
}

// serveUpload takes the bytes, as the whole body or as a part of a form.
func (w *Workspace) serveUpload(rw http.ResponseWriter, r *http.Request, key string) {
	q := &request{method: "upload_url", args: map[string]string{}, host: r.Host, tls: r.TLS != nil, at: time.Now()}
	key = strings.TrimPrefix(key, "v1/")
	w.mu.Lock()
	u := w.uploads[key]
	w.mu.Unlock()
	if r.Method != http.MethodPost || u == nil {
		http.Error(rw, "no such upload", http.StatusNotFound)
		return
	}
	data, err := uploadBody(http.MaxBytesReader(rw, r.Body, maxUpload+1<<20), r.Header.Get("Content-Type"))
	if err != nil || len(data) != u.length {
		http.Error(rw, fmt.Sprintf("got %d bytes of %d (%v)", len(data), u.length, err), http.StatusBadRequest)
		return
	}
	w.call(rw, q, func() reply {
		if w.uploads[key] != u {
			return fail("file_not_found") // completed meanwhile
		}
		u.data, u.sent = data, true
		return reply{"plain": fmt.Sprintf("OK - %d", len(data))}
	})
}

func uploadBody(body io.ReadCloser, contentType string) ([]byte, error) {
	kind, _, _ := mime.ParseMediaType(contentType)
	if kind != "multipart/form-data" {
		return io.ReadAll(body)
	}
	r := http.Request{Method: http.MethodPost, Body: body, Header: http.Header{"Content-Type": {contentType}}}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	for {
		part, err := parts.NextPart()
		if err != nil {
			return nil, fmt.Errorf("no file in the form: %w", err)
		}
		if part.FileName() != "" {
			return io.ReadAll(part)
		}
	}
}

// completeUpload is files.completeUploadExternal for one channel at most.
func (w *Workspace) completeUpload(q *request) reply {
	var list []struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	if json.Unmarshal([]byte(q.args["files"]), &list) != nil || len(list) == 0 || q.args["channels"] != "" {
		return fail("invalid_arguments")
	}
	c := w.channels[q.args["channel_id"]]
	switch {
	case q.args["channel_id"] == "":
	case c == nil, c.Private && c.NotMember:
		return fail("channel_not_found")
	case c.NotMember:
		return fail("not_in_channel")
	case c.Archived:
		return fail("is_archived")
	}
	var files []File
	var keys []string
	for _, f := range list {
		key, u := w.uploadOf(f.ID)
		if u == nil || !u.sent {
			return fail("file_not_found")
		}
		keys = append(keys, key)
		files = append(files, w.fileOf(u, f.Title))
	}
	for _, key := range keys {
		u := w.uploads[key]
		u.channel, w.files[u.id] = c, u
		delete(w.uploads, key)
	}
	if c != nil {
		m := w.newBotMessage(c, q.args["thread_ts"], content{text: q.args["initial_comment"]})
		m.Subtype, m.Files = "file_share", files
		w.say(c, m)
		q.channel, q.ts = c.ID, m.TS
	}
	return reply{"files": files}
}

func (w *Workspace) uploadOf(id string) (key string, u *upload) {
	for key, u := range w.uploads {
		if u.id == id {
			return key, u
		}
	}
	return "", nil
}

func (w *Workspace) fileOf(u *upload, title string) File {
	f := File{
		ID: u.id, Created: time.Now().Unix(), Timestamp: time.Now().Unix(), Name: u.name, Title: title, Mode: "hosted",
		User: w.opt.Bot.ID, Size: len(u.data), Filetype: strings.TrimPrefix(path.Ext(u.name), "."),
	}
	if f.Title == "" {
		f.Title = f.Name
	}
	f.Mimetype = mimeType(f.Filetype)
	f.URLPrivate = w.baseURL + "/files/" + f.ID + "/" + f.Name
	f.URLPrivateDownload = f.URLPrivate
	return f
}

// FileContent returns what is in a file that the app has sent, if the person is
// in the channel it was sent to.
func (w *Workspace) FileContent(userID, fileID string) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.files[fileID]
	if u == nil || u.channel == nil || !slices.Contains(w.members(u.channel), userID) {
		return nil, fmt.Errorf("file_not_found: %q", fileID)
	}
	return bytes.Clone(u.data), nil
}

// serveFile lets the page look at a file. It plays all people, so it asks for no
// name; what it gets is for saving, never for showing.
func (w *Workspace) serveFile(rw http.ResponseWriter, r *http.Request, name string) {
	id, _, _ := strings.Cut(name, "/")
	w.mu.Lock()
	u := w.files[id]
	w.mu.Unlock()
	if r.Method != http.MethodGet || u == nil {
		sendError(rw, http.StatusNotFound, "no such file")
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": u.name}))
	_, _ = rw.Write(u.data)
}
