package slacksim_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

// A file of the app goes through its three steps, read by an independent client.
func TestUpload(t *testing.T) {
	r := serve(t, slacksim.Options{})
	api, ctx := r.client(), t.Context()
	content := strings.Repeat("a line\n", 1000)
	_, err := api.UploadFileContext(ctx, slack.UploadFileParameters{
		Filename: "list.txt", Title: "A list", FileSize: len(content), Content: content, Channel: r.DM(ann), InitialComment: "here",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := r.Messages(r.DM(ann))
	if len(got) != 1 || got[0].User != botUser || got[0].Text != "here" || len(got[0].Files) != 1 {
		t.Fatalf("shown: %+v", got)
	}
	f := got[0].Files[0]
	if f.Name != "list.txt" || f.Title != "A list" || f.Size != len(content) || f.Mimetype != "text/plain" {
		t.Errorf("file: %+v", f)
	}
	if data, err := r.FileContent(ann, f.ID); err != nil || string(data) != content {
		t.Errorf("content: %d bytes, %v", len(data), err)
	}
	if _, err := r.FileContent(ben, f.ID); err == nil {
		t.Error("a file in a direct message is seen by somebody else")
	}
	if len(r.Messages(r.DM(ben)))+len(r.Messages(general)) != 0 {
		t.Error("the file went to others")
	}
	resp, err := r.http.Get(host + "/files/" + f.ID + "/" + f.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	if string(data) != content || !strings.Contains(resp.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("on the page: %d bytes, %v", len(data), resp.Header)
	}
}

// What does not go together is refused.
func TestUploadRefused(t *testing.T) {
	r := serve(t, slacksim.Options{})
	for _, c := range []struct {
		want string
		args []string
	}{
		{"invalid_arguments", []string{"length", "3"}},
		{"invalid_arguments", []string{"filename", "a", "length", "0"}},
		{"invalid_arguments", []string{"filename", "a"}},
		{"file_upload_size_restricted", []string{"filename", "a", "length", "99999999999"}},
	} {
		if out := r.call("files.getUploadURLExternal", c.args...); str(out, "error") != c.want {
			t.Errorf("getUploadURLExternal %v: %v, want %s", c.args, out, c.want)
		}
	}
	place := r.call("files.getUploadURLExternal", "filename", "a.txt", "length", "3")
	files := `[{"id":"` + str(place, "file_id") + `"}]`
	send := func(url, body string) int {
		t.Helper()
		resp, err := r.http.Post(url, "application/octet-stream", bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	complete := func(want string, args ...string) {
		t.Helper()
		if out := r.call("files.completeUploadExternal", args...); str(out, "error") != want {
			t.Errorf("completeUploadExternal %v: %v, want %q", args, out, want)
		}
	}
	complete("file_not_found", "files", files) // not sent yet
	if got := send(str(place, "upload_url"), "four"); got != http.StatusBadRequest {
		t.Errorf("four bytes of three: status %d", got)
	}
	if got := send(host+"/upload/v1/unknown", "abc"); got != http.StatusNotFound {
		t.Errorf("an unknown upload: status %d", got)
	}
	if got := send(str(place, "upload_url"), "abc"); got != http.StatusOK {
		t.Errorf("status %d", got)
	}
	complete("invalid_arguments", "files", "x")
	complete("channel_not_found", "files", files, "channel_id", "C9")
	complete("", "files", files)
	complete("file_not_found", "files", files) // completed already
	if got := send(str(place, "upload_url"), "xyz"); got != http.StatusNotFound {
		t.Errorf("after the end: status %d", got)
	}
	if _, err := r.FileContent(ann, str(place, "file_id")); err == nil {
		t.Error("a file that was sent nowhere is seen")
	}
}
