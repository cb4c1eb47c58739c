package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bobbin-bot/bobbin/storage"
)

// forgetOptions are the flags of `bobbin forget`.
type forgetOptions struct {
	user, thread string
	yes          bool
}

func forgetCommand(env *environment) *cobra.Command {
	var o forgetOptions
	cmd := &cobra.Command{
		Use:   "forget (--user ID | --thread CHANNEL:TS) [--yes]",
		Short: "Erase what a person has said, or a conversation",
		Long: `Erase from the store what a person has said, or a whole conversation:

    bobbin forget --user U0123ABCD
    bobbin forget --thread C0123ABCD:1700000000.000100
    bobbin forget --thread 'https://team.slack.com/archives/C0123ABCD/p1700000000000100'

A person's questions go from all conversations with their answers, and so do
messages of theirs that the bot has read in a thread, and their feedback. A
question of somebody else that was answered together with one of theirs goes
too. An answer to somebody else that repeats what they said stays: forget that
thread as well.

Usage stays: it holds no text. Messages in Slack stay, since they are Slack's;
the bot does not read them again. Nothing can be brought back, except from a
backup, and in one nothing is erased: forget again after you restore it.

What is erased is never shown again. Its bytes stay in free pages of the file
until they are written over.

A running bot is asked to do it. What it is answering meanwhile, or what a stopped
one has left unfinished, is not erased: run this again when that is done. In Slack,
"/bobbin forget me" and "@bobbin forget" in a thread stop it first.

Without --yes it says what is there and asks. Exit code: 0 erased or nothing to
erase, 1 not all could be erased, or you said no, 2 a mistake on the command line.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := o.forgetting()
			if err != nil {
				return usageError{err}
			}
			ask := confirmation{in: cmd.InOrStdin(), out: env.stderr, yes: o.yes}
			if err := ask.check(); err != nil {
				return usageError{err}
			}
			return withStore(cmd.Context(), env, func(ctx context.Context, s storage.Store) error {
				return forget(ctx, s, f, ask, env.stdout, env.stderr)
			})
		},
	}
	cmd.Flags().StringVar(&o.user, "user", "", "a member's id (in Slack: profile, ⋮, Copy member ID)")
	cmd.Flags().StringVar(&o.thread, "thread", "", "CHANNEL:TS of a thread's first message, or a link to a message of the thread")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	return cmd
}

// forget says what there is, asks, and erases it.
func forget(ctx context.Context, s storage.Store, f storage.Forgetting, ask confirmation, stdout, stderr io.Writer) error {
	what := "the conversation in thread " + f.Key.ChannelID + ":" + f.Key.ThreadTS
	if f.UserID != "" {
		n, err := surveyOf(ctx, s, f.UserID)
		if err != nil {
			return err
		}
		if n.conversations == 0 {
			fmt.Fprintf(stdout, "there is nothing that %s has said\n", f.UserID)
			return nil
		}
		what = fmt.Sprintf("%s of %s, in %s", n, f.UserID, counted(int64(n.conversations), "conversation"))
	}
	if err := ask.confirm("Forget " + what + "? This cannot be undone."); err != nil {
		return err
	}
	last := time.Now()
	f.At = last
	done, err := storage.ForgetAll(ctx, s, f, func(sum storage.Forgotten) {
		if time.Since(last) > 2*time.Second {
			last = time.Now()
			fmt.Fprintf(stderr, "so far: %s\n", erasedText(sum))
		}
	})
	if done.Conversations > 0 || err == nil {
		fmt.Fprintf(stdout, "forgotten: %s\n", erasedText(done))
	}
	const unfinished = "let the bot finish, and run this again"
	switch {
	case errors.Is(err, storage.ErrConflict):
		return fmt.Errorf("the conversation has a turn that has not ended: %s", unfinished)
	case errors.Is(err, storage.ErrCorrupt):
		return fmt.Errorf("conversations with damaged records were passed over; --thread can erase one as a whole: %w", err)
	case err != nil:
		return err
	case done.Open > 0:
		return fmt.Errorf("%s not ended and not erased: %s", counted(int64(done.Open), "turn"), unfinished)
	}
	return nil
}

func erasedText(f storage.Forgotten) string {
	return fmt.Sprintf("%s and %s in %s", counted(int64(f.Turns), "question"), counted(int64(f.Messages), "message"), counted(int64(f.Conversations), "conversation"))
}

// survey counts what there is of a person.
type survey struct{ questions, heard, feedback, conversations int }

func (n survey) String() string {
	return fmt.Sprintf("%s, %s and %s", counted(int64(n.questions), "question"),
		counted(int64(n.heard), "message")+" read in threads", counted(int64(n.feedback), "verdict"))
}

func surveyOf(ctx context.Context, s storage.Store, userID string) (survey, error) {
	var n survey
	seen := map[storage.ConversationKey]bool{}
	for e, err := range storage.ExportAll(ctx, s, userID) {
		if errors.Is(err, storage.ErrCorrupt) {
			break // the rest is unknown, and erased all the same
		}
		if err != nil {
			return n, err
		}
		switch e.Kind {
		case storage.ExportQuestion:
			n.questions++
		case storage.ExportHeard:
			n.heard++
		case storage.ExportFeedback:
			n.feedback++
		}
		seen[e.Key] = true
	}
	n.conversations = len(seen)
	return n, nil
}

var (
	memberID = regexp.MustCompile(`^[UW][A-Z0-9]+$`)
	slackTS  = regexp.MustCompile(`^[0-9]+\.[0-9]{6}$`)
	linkTS   = regexp.MustCompile(`^p([0-9]+)([0-9]{6})$`)
)

// forgetting checks the flags.
func (o forgetOptions) forgetting() (storage.Forgetting, error) {
	switch {
	case (o.user == "") == (o.thread == ""):
		return storage.Forgetting{}, errors.New("want either --user or --thread; see: bobbin forget --help")
	case o.user != "":
		return storage.Forgetting{UserID: o.user}, checkMember(o.user)
	}
	key, err := parseThread(o.thread)
	return storage.Forgetting{Key: key}, err
}

func checkMember(id string) error {
	if !memberID.MatchString(id) {
		return fmt.Errorf("--user %q: want a member's id such as U0123ABCD (in Slack: profile, ⋮, Copy member ID)", id)
	}
	return nil
}

// parseThread reads CHANNEL:TS, or what Slack's "Copy link" gives.
func parseThread(text string) (storage.ConversationKey, error) {
	channel, ts, _ := strings.Cut(text, ":")
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		channel, ts = "", ""
		if parts := strings.Split(strings.Trim(u.Path, "/"), "/"); len(parts) == 3 && parts[0] == "archives" {
			channel = parts[1]
			ts = linkTS.ReplaceAllString(parts[2], "$1.$2")
		}
		if root := u.Query().Get("thread_ts"); root != "" { // a link to a reply
			ts = root
		}
	}
	if !isChannelID(channel) || !slackTS.MatchString(ts) {
		return storage.ConversationKey{}, fmt.Errorf("--thread %q: want CHANNEL:TS such as C0123ABCD:1700000000.000100, or a link to a message", text)
	}
	return storage.ConversationKey{ChannelID: channel, ThreadTS: ts}, nil
}
