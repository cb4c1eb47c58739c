package bot

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/slack-go/slack"
)

// report is an answer with figures. Where Slack draws charts it has one, else
// bars of characters; every figure is in the text too, for notifications and
// screen readers.
type report struct {
	text  string // mrkdwn
	chart *slack.DataVisualizationBlock
	bars  string // the chart as text, for a code block
	table string // for a code block
	notes string // mrkdwn, under the table
}

// plain is the whole report as mrkdwn.
func (r report) plain() string {
	parts := []string{r.text}
	for _, block := range [...]string{r.bars, r.table} {
		if block != "" {
			parts = append(parts, fenced(block))
		}
	}
	if r.notes != "" {
		parts = append(parts, r.notes)
	}
	return strings.Join(parts, "\n")
}

// blocks are the report with its chart, or nil if it has none.
func (r report) blocks() []slack.Block {
	if r.chart == nil {
		return nil
	}
	blocks := append(paragraphs(r.text), r.chart)
	if r.table != "" {
		blocks = append(blocks, paragraphs(fenced(r.table))...)
	}
	if r.notes != "" {
		blocks = append(blocks, note(r.notes))
	}
	return blocks
}

// sectionLimit is how many characters a section takes.
const sectionLimit = 3000

// paragraphs are mrkdwn in as many blocks as it takes, cut at line breaks.
func paragraphs(text string) []slack.Block {
	var blocks []slack.Block
	fence := strings.HasPrefix(text, "```\n")
	for text != "" {
		part := text
		if len(part) > sectionLimit {
			cut := strings.LastIndexByte(part[:sectionLimit-8], '\n')
			if cut <= 4 {
				cut = len(clip(part, sectionLimit-8))
			}
			part = part[:cut]
		}
		if text = strings.TrimPrefix(text[len(part):], "\n"); fence && text != "" {
			part, text = part+"\n```", "```\n"+text
		}
		blocks = append(blocks, slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, part, false, false), nil, nil))
	}
	return blocks
}

// clip cuts text to at most n bytes, between characters.
func clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xC0 == 0x80 {
		n--
	}
	return text[:n]
}

// charts remembers that a workspace has no charts yet: Slack rolls them out, and
// refuses a whole message for one block that it does not know.
type charts struct{ refused atomic.Bool }

// tellReport answers aside with a report.
func (b *Bot) tellReport(ctx context.Context, a aside, r report) {
	b.sayReport(r, func(text string, blocks ...slack.Block) error { return b.say(ctx, a, text, blocks...) })
}

// sayReport says a report with its chart or, where that is refused, with bars.
func (b *Bot) sayReport(r report, say func(text string, blocks ...slack.Block) error) {
	if blocks := r.blocks(); blocks != nil && !b.charts.refused.Load() {
		if err := say(r.text, blocks...); !blocksRefused(err) {
			b.notShown(err)
			return
		}
		b.log.Info("slack has no charts in this workspace; showing bars of characters")
		b.charts.refused.Store(true)
	}
	b.notShown(say(r.plain()))
}

// blocksRefused reports whether Slack did not take a message for its blocks. A
// response_url says so with a status alone.
func blocksRefused(err error) bool {
	if status, ok := errors.AsType[slack.StatusCodeError](err); ok {
		return status.Code == http.StatusBadRequest
	}
	code := refusalCode(err)
	return code == "invalid_blocks" || code == "invalid_blocks_format"
}
