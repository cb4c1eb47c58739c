package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/bobbin-bot/bobbin/storage"
)

// exportLine is a line of an export: one thing that is stored of a person.
type exportLine struct {
	Kind     string `json:"kind"` // question, heard, feedback, usage
	Channel  string `json:"channel,omitempty"`
	Thread   string `json:"thread,omitempty"`
	TS       string `json:"ts,omitempty"` // of the message in Slack
	Time     string `json:"time,omitempty"`
	Text     string `json:"text,omitempty"`
	Answer   string `json:"answer,omitempty"`
	State    string `json:"state,omitempty"`
	Feedback int    `json:"feedback,omitempty"` // on the answer: 1 good, -1 bad

	*exportUsage
}

// exportUsage is what usage lines have beside: sums of a day.
type exportUsage struct {
	Day          string  `json:"day"`
	Provider     string  `json:"provider"`
	Model        string  `json:"model"`
	Calls        int64   `json:"calls"`
	InputTokens  int64   `json:"input_tokens"`
	OutputTokens int64   `json:"output_tokens"`
	CostUSD      float64 `json:"cost_usd"`
	Unpriced     int64   `json:"calls_without_a_price,omitempty"`
}

// WriteExport writes all that a store has of a person to w, as one JSON object a
// line, and returns how many lines. Only the person, and whoever runs the bot,
// should see them.
func WriteExport(ctx context.Context, s storage.Store, userID string, w io.Writer) (lines int, err error) {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for e, err := range storage.ExportAll(ctx, s, userID) {
		if err != nil {
			return lines, err
		}
		line := exportLine{
			Kind: string(e.Kind), Channel: e.Key.ChannelID, Thread: e.Key.ThreadTS, TS: e.TS,
			Time: slackTime(e.TS).UTC().Format(time.RFC3339),
			// The bot puts the author in front of what is said in a channel.
			Text:   strings.TrimPrefix(e.Text, authored(userID, "")),
			Answer: e.Answer, State: string(e.State), Feedback: e.Feedback,
		}
		if err := out.Encode(line); err != nil {
			return lines, fmt.Errorf("write export: %w", err)
		}
		lines++
	}
	totals, err := s.Usage(ctx, storage.UsageQuery{UserID: userID})
	if err != nil {
		return lines, err
	}
	for _, t := range totals {
		if err := out.Encode(exportLine{Kind: "usage", Channel: t.ChannelID, exportUsage: &exportUsage{
			Day: t.Day.String(), Provider: t.Provider, Model: t.Model, Calls: t.Calls, InputTokens: t.InputTokens,
			OutputTokens: t.OutputTokens, CostUSD: float64(t.CostNanoUSD) / 1e9, Unpriced: t.UnpricedCalls,
		}}); err != nil {
			return lines, fmt.Errorf("write export: %w", err)
		}
		lines++
	}
	return lines, nil
}

// export sends somebody what is stored of them, as a file in their direct
// message with the bot, which nobody else can open.
func (b *Bot) export(ctx context.Context, a aside) {
	var data bytes.Buffer
	lines, err := WriteExport(ctx, b.o.Store, a.who.UserID, &data)
	if err != nil {
		b.cannotRead(ctx, a, err)
		return
	}
	if lines == 0 {
		b.tell(ctx, a, "I have nothing of you.")
		return
	}
	if err := b.sendFile(ctx, a.who.UserID, data.Bytes()); err != nil {
		b.log.Error("export not sent", "err", err)
		text := "I could not send you the file. Please try again in a minute."
		if code := refusalCode(err); code != "" {
			text = "Slack does not let me send you the file (`" + escape(code) + "`). Please ask whoever runs me" +
				map[bool]string{true: ": the app needs the scopes `files:write` and `im:write`, and to be installed again"}[code == "missing_scope"] + "."
		}
		b.tell(ctx, a, text)
		return
	}
	b.log.Info("sent an export", "lines", lines, "bytes", data.Len())
	b.tell(ctx, a, "It is in our direct message: all I have of you, in "+count(int64(lines), "line")+" of JSON. Nobody else can see it.")
}

// openDirect returns the channel id of a person's direct message with the bot.
func (b *Bot) openDirect(ctx context.Context, userID string) (dm string, err error) {
	err = b.repeat(ctx, call{method: methodOpenDM, rank: rankMust}, func(ctx context.Context) error {
		c, _, _, err := b.api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{userID}, ReturnIM: true})
		if err == nil {
			dm = c.ID
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("open the direct message: %w", err)
	}
	return dm, nil
}

// sendFile uploads a file into a person's direct message with the bot.
func (b *Bot) sendFile(ctx context.Context, userID string, data []byte) error {
	dm, err := b.openDirect(ctx, userID)
	if err != nil {
		return err
	}
	name := "bobbin-export-" + time.Now().UTC().Format(time.DateOnly) + ".jsonl"
	var id string
	// A second try gets a new place; Slack drops files that nobody completes.
	err = b.repeat(ctx, call{method: methodUploadURL, rank: rankMust}, func(ctx context.Context) error {
		place, err := b.api.GetUploadURLExternalContext(ctx, slack.GetUploadURLExternalParameters{FileName: name, FileSize: len(data)})
		if err != nil {
			return err
		}
		id = place.FileID
		return b.api.UploadToURL(ctx, slack.UploadToURLParameters{UploadURL: place.UploadURL, Filename: name, Reader: bytes.NewReader(data)})
	})
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	err = b.insist(ctx, call{method: methodUploadDone, rank: rankMust}, func(ctx context.Context) error {
		_, err := b.api.CompleteUploadExternalContext(ctx, slack.CompleteUploadExternalParameters{
			Files: []slack.FileSummary{{ID: id, Title: "What I have of you"}}, Channel: dm,
			InitialComment: "This is all I have of you, one JSON object a line. `" + b.o.Command + " forget me` erases it.",
		})
		return err
	})
	if errors.Is(err, errUnknown) {
		return fmt.Errorf("complete the upload, which may have happened: %w", err)
	}
	if err != nil {
		return fmt.Errorf("complete the upload: %w", err)
	}
	return nil
}
