package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
	"github.com/bobbin-bot/bobbin/storage"
)

// command is one of ours, typed after the slash command or as the whole text of
// a mention: Slack offers no slash commands in a thread's reply box.
type command struct {
	name string // usage, cost, lift, status, help, stop, forget, export
	args []string
}

// parseCommand recognises text that is a command and nothing else: "help me
// with a letter" is a question.
func parseCommand(text string) (command, bool) {
	words := strings.Fields(strings.ToLower(text))
	if len(words) == 0 {
		return command{}, false
	}
	c := command{words[0], words[1:]}
	switch c.name {
	case "help", "status", "stop", "export":
		return c, len(c.args) == 0
	case "forget":
		return c, len(c.args) == 0 || c.me()
	case "usage", "cost":
		_, err := usageArgs{}.parse(c.name, c.args)
		return c, err == nil
	case "lift":
		return c, len(c.args) == 1 && (slices.Contains(usageScopes, c.args[0]) || userMention.MatchString(strings.ToUpper(c.args[0])))
	}
	return command{}, false
}

// reports reports whether the answer is a [report].
func (c command) reports() bool { return c.name == "usage" || c.name == "cost" }

func (b *Bot) runReport(ctx context.Context, who actor, c command) report {
	if c.name == "cost" {
		return b.costReport(ctx, who, c.args, time.Now())
	}
	return b.usageReport(ctx, who, c.args, time.Now())
}

// me reports whether the command is about who gives it.
func (c command) me() bool { return len(c.args) == 1 && c.args[0] == "me" }

// handleCommand answers a slash command. The answer is seen by its author only.
func (b *Bot) handleCommand(ctx context.Context, cmd slashCommand) answerAtOnce {
	who := actor{UserID: cmd.UserID, ChannelID: cmd.ChannelID, Direct: strings.HasPrefix(cmd.ChannelID, "D"),
		External: cmd.TeamID != "" && cmd.TeamID != b.self.TeamID}
	var text string
	var then func(context.Context)
	if no := b.o.Access.authorize(who); no != allowed {
		text = string(no)
	} else if words := strings.Fields(strings.ToLower(cmd.Text)); len(words) == 0 {
		text = b.helpText()
	} else {
		text, then = b.runSlashCommand(ctx, aside{who: who, url: cmd.ResponseURL}, command{words[0], words[1:]})
	}
	var payload any // nothing, if all comes to the command's response_url
	if text != "" {
		payload = map[string]any{"response_type": "ephemeral", "text": text}
	}
	return answerAtOnce{payload, then}
}

// answerAtOnce is what an acknowledgement says, and what is to be done after it:
// begun before, the end could overtake the beginning.
type answerAtOnce struct {
	payload any
	then    func(context.Context)
}

// runSlashCommand has the answer, or returns what takes a while: Slack gives up on
// a command after three seconds.
func (b *Bot) runSlashCommand(ctx context.Context, a aside, c command) (text string, then func(context.Context)) {
	switch {
	case c.name == "forget" && c.me():
		return "I am looking up what I remember of you…", func(ctx context.Context) { b.offerForget(ctx, a) }
	case c.name == "export":
		return "I am putting together what I have of you, and will send it to you as a file…", func(ctx context.Context) { b.export(ctx, a) }
	case c.reports():
		r := b.runReport(ctx, a.who, c)
		if r.blocks() == nil {
			return r.plain(), nil
		}
		// In the acknowledgement a refusal of its chart would go unseen.
		return "", func(ctx context.Context) { b.tellReport(ctx, a, r) }
	}
	return b.runCommand(ctx, a.who, c), nil
}

// commandInThread carries out a command that was given by mentioning us.
func (b *Bot) commandInThread(ctx context.Context, keys []storage.DedupeKey, e event, who actor, c command) error {
	if !slices.Contains([]string{"stop", "forget", "export", "usage", "cost"}, c.name) {
		return b.answerPrivately(ctx, keys, e, b.runCommand(ctx, who, c))
	}
	fresh, err := b.o.Store.Once(ctx, keys, time.Now())
	if err != nil || !fresh {
		return b.storeError(err)
	}
	key := b.keyOf(e)
	a := aside{who: who, threadTS: e.ThreadTS}
	switch {
	case c.name == "stop":
		if e.direct() {
			key.ThreadTS = e.ThreadTS // beside the threads of a direct message "stop" means all of them
		}
		say, err := b.stopThread(ctx, who, key)
		b.sayPrivately(who, key, say)
		return err
	case c.name == "export":
		b.spawn <- func(ctx context.Context) { b.export(ctx, a) }
	case c.reports():
		b.spawn <- func(ctx context.Context) { b.tellReport(ctx, a, b.runReport(ctx, who, c)) }
	case c.me():
		b.spawn <- func(ctx context.Context) { b.offerForget(ctx, a) }
	default:
		b.spawn <- func(ctx context.Context) { b.forgetThread(ctx, a, key, slackTime(e.TS)) }
	}
	return nil
}

// runCommand returns a command's answer as mrkdwn.
func (b *Bot) runCommand(ctx context.Context, who actor, c command) string {
	switch c.name {
	case "help":
		return b.helpText()
	case "status":
		return b.statusReport(time.Now())
	case "stop":
		return "A slash command does not know the thread. Write " + "<@" + b.self.UserID + "> `stop` in it, or put :octagonal_sign: under the answer."
	case "forget":
		return "A slash command does not know the thread. Write <@" + b.self.UserID + "> `forget` in the thread that I am to forget. " +
			"`" + b.o.Command + " forget me` is about everything you have ever said to me."
	case "lift":
		return b.lift(ctx, who, c.args)
	}
	return fmt.Sprintf("I do not know `%s`.\n%s", escape(strings.ReplaceAll(c.name, "`", "'")), b.helpText())
}

func (b *Bot) helpText() string {
	me := "<@" + b.self.UserID + ">"
	return strings.Join([]string{
		"*Ask me* by mentioning " + me + " in a channel, or write to me in a direct message. I answer in a thread and remember what was said in it; mention me again there to go on.",
		"*Commands* (only you see the answer):",
		"• `" + b.o.Command + " usage [me|channel|workspace] [today|week|month|last-month]`: tokens, cost and answers",
		"• `" + b.o.Command + " cost [me|channel|workspace] [today|week|month|last-month]`: what the same would have cost elsewhere",
		"• `" + b.o.Command + " lift @somebody|channel|workspace`: lifts a budget for today, if you are an admin",
		"• `" + b.o.Command + " status`: how Slack and the model providers are doing",
		"• `" + b.o.Command + " forget me`: erases what you have said to me; I ask again before I do",
		"• `" + b.o.Command + " export`: sends you what I have of you, as a file",
		"• `" + b.o.Command + " help`: this",
		"*Stop* an answer with its button, with :octagonal_sign: as a reaction to it, or by mentioning me in its thread: " + me + " `stop`.",
		"*Forget* a thread by mentioning me in it: " + me + " `forget`.",
		"In a thread, where Slack has no commands, mention me with the same words: " + me + " `usage`.",
	}, "\n")
}

// statusReport says how we are.
func (b *Bot) statusReport(now time.Time) string {
	h := b.Health()
	lines := []string{fmt.Sprintf("*Slack*: %d of %d connections up, %s being written",
		h.Sockets, h.WantSockets, count(int64(h.LiveReplies), "answer"))}
	var providers []llm.BreakerState
	if b.o.Providers != nil {
		providers = b.o.Providers()
	}
	for _, p := range providers {
		lines = append(lines, "*"+escape(p.Provider)+"*: "+providerStatus(p, now))
	}
	return strings.Join(lines, "\n")
}

func providerStatus(p llm.BreakerState, now time.Time) string {
	switch {
	case p.Phase == llm.BreakerOpen && p.LastErr != nil:
		return fmt.Sprintf("paused (%s), next try in %s", p.LastErr.Class, roundUp(p.Until.Sub(now)))
	case p.Phase == llm.BreakerOpen:
		return "paused, next try in " + roundUp(p.Until.Sub(now))
	case p.Phase == llm.BreakerHalfOpen:
		return "being tried after an outage"
	case p.Failures > 0:
		return fmt.Sprintf("working, %d failures in a row", p.Failures)
	}
	return "working"
}
