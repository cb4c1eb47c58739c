package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// withStore runs do on the store that is there, through the bot if one runs on
// it. It makes none.
func withStore(ctx context.Context, env *environment, do func(context.Context, storage.Store) error) (err error) {
	path, err := storePath(env)
	if err != nil {
		return err
	}
	// The bot first: opening the file of one that runs takes two seconds to fail.
	res, err := askBot(ctx, path, http.MethodGet, "/stats")
	if err == nil {
		res.Body.Close()
		return do(ctx, remoteStore{path: path})
	}
	if !errors.Is(err, errNoBot) {
		return err
	}
	progress := newWorkProgress(env.stderr, "taking over the store of an older version")
	store, err := boltstore.Open(path, boltstore.Options{Progress: progress.set})
	progress.end()
	if errors.Is(err, storage.ErrInUse) {
		return fmt.Errorf("%w, and no bot answers on %s: stop what uses it", err, socketPath(path))
	}
	if err != nil {
		return explainOpen(path, err)
	}
	defer func() { err = errors.Join(err, closeStore(store)) }()
	return do(ctx, store)
}
