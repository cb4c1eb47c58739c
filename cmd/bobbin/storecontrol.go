package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"

	"github.com/bobbin-bot/bobbin/storage"
	"github.com/bobbin-bot/bobbin/storage/boltstore"
)

// storeRoutes are what a running bot answers on its control socket.
func storeRoutes(store *boltstore.Store, log *slog.Logger) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		s, err := store.Stats()
		answerJSON(w, s, err)
	})
	mux.HandleFunc("GET /backup", func(w http.ResponseWriter, r *http.Request) {
		if s, err := store.Stats(); err == nil {
			w.Header().Set(headerSize, strconv.FormatInt(s.FileBytes, 10))
		}
		w.Header().Set("Trailer", headerWritten)
		n, err := store.Backup(r.Context(), w)
		if err != nil {
			if r.Context().Err() == nil {
				log.Error("backup over the control socket", "err", err)
			}
			panic(http.ErrAbortHandler) // the client must not take it for the end
		}
		w.Header().Set(headerWritten, strconv.FormatInt(n, 10))
	})
	eraseRoutes(mux, store)
	return mux
}

const (
	headerSize    = "Bobbin-Size"    // about as much will come
	headerWritten = "Bobbin-Written" // a trailer: so much should have come
)

// copyStore writes a consistent copy of the store to w: by the bot that runs on
// it, or from the file.
func copyStore(ctx context.Context, path string, w io.Writer, progress func(done, total int64)) (n int64, from string, err error) {
	res, err := askBot(ctx, path, http.MethodGet, "/backup")
	if errors.Is(err, errNoBot) {
		info, err := os.Stat(path)
		if err != nil {
			return 0, "", noStore(path, err)
		}
		out := &countingWriter{Writer: w, total: info.Size(), progress: progress}
		n, err := boltstore.BackupFile(ctx, path, out)
		return n, "from the file; no bot is running", explainStore(ctx, path, err)
	}
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	total, _ := strconv.ParseInt(res.Header.Get(headerSize), 10, 64) // only for the bar
	n, err = io.Copy(&countingWriter{Writer: w, total: total, progress: progress}, res.Body)
	switch {
	case ctx.Err() != nil:
		return n, "", context.Cause(ctx)
	case errors.Is(err, io.ErrUnexpectedEOF), err == nil && res.Trailer.Get(headerWritten) != strconv.FormatInt(n, 10):
		return n, "", fmt.Errorf("the bot broke off after %s: it was stopped, or could not read its store; its log says which", humanBytes(n))
	}
	return n, "by the running bot", err
}

// storeStats asks the running bot.
func storeStats(ctx context.Context, path string) (s boltstore.Stats, err error) {
	res, err := askBot(ctx, path, http.MethodGet, "/stats")
	if err != nil {
		return s, err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		return s, fmt.Errorf("read the bot's answer: %w", err)
	}
	return s, nil
}

func noStore(path string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no store at %s; run the command in the bot's folder, or name its configuration with --config", absolute(path))
	}
	return fmt.Errorf("store: %w", err)
}

// explainStore adds what an operator can do about an error of a file.
func explainStore(ctx context.Context, path string, err error) error {
	hint := ""
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, storage.ErrInUse):
		hint = "stop the bot that uses it, or work on a copy: bobbin backup COPY"
	case errors.Is(err, storage.ErrSchema):
		hint = "use the version of bobbin that wrote it, or a newer one"
	case errors.Is(err, storage.ErrCorrupt):
		hint = "what is wrong: bobbin db check " + path + "; what is intact: bobbin db salvage " + path + " NEW"
	case errors.Is(err, os.ErrPermission):
		hint = "run this as the user that runs the bot"
	}
	if hint != "" {
		return fmt.Errorf("%w; %s", err, hint)
	}
	return err
}
