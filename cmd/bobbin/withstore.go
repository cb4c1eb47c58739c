package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// withStore runs do on the store that is there. It makes none.
func withStore(ctx context.Context, env *environment, do func(context.Context, storage.Store) error) (err error) {
	path, err := storePath(env)
	if err != nil {
		return err
	}
	store, err := boltstore.Open(path, boltstore.Options{})
	if errors.Is(err, storage.ErrInUse) {
		return fmt.Errorf("%w; a bot is serving with it: stop the bot, run this again, and start it. In Slack people can have things forgotten meanwhile: /bobbin help", err)
	}
	if err != nil {
		return explainOpen(path, err)
	}
	defer func() { err = errors.Join(err, closeStore(store)) }()
	return do(ctx, store)
}
