package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/bobbin-bot/bobbin/storage"
)

// remoteStore is the store of a running bot, as far as commands need it: each
// method is a request to the control socket. Others of the interface are nil.
type remoteStore struct {
	storage.Store
	path string // of the store's file
}

// eraseRoutes are the other end of remoteStore.
func eraseRoutes(mux *http.ServeMux, store storage.Store) {
	route := func(pattern string, do func(context.Context, url.Values) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			value, err := do(r.Context(), r.URL.Query())
			for name, sentinel := range remoteErrors {
				if errors.Is(err, sentinel) {
					answerJSON(w, remoteAnswer{Value: value, Refused: name, Text: err.Error()}, nil)
					return
				}
			}
			answerJSON(w, remoteAnswer{Value: value}, err)
		})
	}
	route("POST /forget", func(ctx context.Context, q url.Values) (any, error) {
		var f storage.Forgetting
		if err := json.Unmarshal([]byte(q.Get("what")), &f); err != nil {
			return nil, err
		}
		return store.Forget(ctx, f)
	})
	route("GET /export", func(ctx context.Context, q url.Values) (any, error) {
		limit, err := strconv.Atoi(q.Get("limit"))
		if err != nil {
			return nil, err
		}
		var p exportPage
		p.Page, p.Next, err = store.Export(ctx, q.Get("user"), q.Get("after"), limit)
		return p, err
	})
	route("GET /usage", func(ctx context.Context, q url.Values) (any, error) {
		var u storage.UsageQuery
		if err := json.Unmarshal([]byte(q.Get("query")), &u); err != nil {
			return nil, err
		}
		return store.Usage(ctx, u)
	})
	route("GET /calls", func(ctx context.Context, q url.Values) (any, error) {
		var u storage.UsageQuery
		if err := json.Unmarshal([]byte(q.Get("query")), &u); err != nil {
			return nil, err
		}
		limit, err := strconv.Atoi(q.Get("limit"))
		if err != nil {
			return nil, err
		}
		var p callPage
		p.Page, p.Next, err = store.Calls(ctx, u, q.Get("after"), limit)
		return p, err
	})
}

// remoteErrors are the errors that callers tell apart, by their names on the
// wire.
var remoteErrors = map[string]error{
	"conflict": storage.ErrConflict, "not found": storage.ErrNotFound, "corrupt": storage.ErrCorrupt, "full": storage.ErrFull,
}

type remoteAnswer struct {
	Value         any
	Refused, Text string
}

type exportPage struct {
	Page []storage.Exported
	Next string
}

type callPage struct {
	Page []storage.UsageRow
	Next string
}

// ask makes a request and reads its answer into value, which comes with some
// errors too.
func (s remoteStore) ask(ctx context.Context, method, route string, args url.Values, value any) error {
	res, err := askBot(ctx, s.path, method, route+"?"+args.Encode())
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer := remoteAnswer{Value: value}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return fmt.Errorf("read the bot's answer: %w", err)
	}
	if answer.Refused != "" {
		if sentinel := remoteErrors[answer.Refused]; sentinel != nil {
			return fmt.Errorf("%w (%s)", sentinel, answer.Text)
		}
		return errors.New(answer.Text)
	}
	return nil
}

// Forget implements [storage.Store].
func (s remoteStore) Forget(ctx context.Context, f storage.Forgetting) (done storage.Forgotten, err error) {
	what, err := json.Marshal(f)
	if err != nil {
		return done, err
	}
	err = s.ask(ctx, http.MethodPost, "/forget", url.Values{"what": {string(what)}}, &done)
	return done, err
}

// Export implements [storage.Store].
func (s remoteStore) Export(ctx context.Context, userID, after string, limit int) ([]storage.Exported, string, error) {
	var p exportPage
	err := s.ask(ctx, http.MethodGet, "/export", url.Values{"user": {userID}, "after": {after}, "limit": {strconv.Itoa(limit)}}, &p)
	return p.Page, p.Next, err
}

// Usage implements [storage.Store].
func (s remoteStore) Usage(ctx context.Context, q storage.UsageQuery) (totals []storage.UsageTotal, err error) {
	query, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	err = s.ask(ctx, http.MethodGet, "/usage", url.Values{"query": {string(query)}}, &totals)
	return totals, err
}

// Calls implements [storage.Store].
func (s remoteStore) Calls(ctx context.Context, q storage.UsageQuery, after string, limit int) ([]storage.UsageRow, string, error) {
	query, err := json.Marshal(q)
	if err != nil {
		return nil, "", err
	}
	var p callPage
	err = s.ask(ctx, http.MethodGet, "/calls", url.Values{"query": {string(query)}, "after": {after}, "limit": {strconv.Itoa(limit)}}, &p)
	return p.Page, p.Next, err
}
