package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// storePath is where the configuration has the store. Nothing else of it must be
// right: an operator's shell has not the keys that the service is given.
func storePath(env *environment) (string, error) {
	c := defaultConfig()
	name := cmp.Or(env.configPath, defaultFile)
	text, err := os.ReadFile(name)
	switch {
	case err == nil:
		getenv := func(name string) string { return cmp.Or(env.getenv(name), "0") }
		if err := decodeConfig(text, name, getenv, &c); err != nil {
			return "", usageError{err}
		}
	case !errors.Is(err, fs.ErrNotExist) || env.configPath != "":
		return "", usageError{fmt.Errorf("read configuration: %w", err)}
	}
	path, err := c.Storage.boltPath()
	if err != nil {
		return "", usageError{fmt.Errorf("%s: storage.url: %w", name, err)}
	}
	return path, nil
}

// withStore runs do on the store that is there. It makes none.
func withStore(ctx context.Context, env *environment, do func(context.Context, storage.Store) error) (err error) {
	path, err := storePath(env)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("there is no store: %w; run this where the bot runs, or with its --config", err)
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
