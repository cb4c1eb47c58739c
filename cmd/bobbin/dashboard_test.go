package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
)

const dashboardToken = "correct-horse-battery"

var dashboardNow = time.Date(2026, 3, 18, 15, 4, 5, 0, time.UTC)

func dashboardOptions(listen, token string) httpOptions {
	return httpOptions{
		Listen: listen, Token: token, Log: slog.New(slog.DiscardHandler),
		Source: func(_ context.Context, days int) (dashboardData, error) {
			return sampleDashboard(dashboardNow, days), nil
		},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "bobbin_up 1\n") }),
		Ready:   func(context.Context) []string { return nil },
	}
}

// request asks for a path as curl on this machine would, unless edit changes that.
func request(o httpOptions, method, path string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "127.0.0.1:8421"
	for _, f := range edit {
		f(r)
	}
	w := httptest.NewRecorder()
	o.handler().ServeHTTP(w, r)
	return w
}

func host(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }
func authorization(a string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", a) }
}

func TestDashboardListen(t *testing.T) {
	for _, c := range []struct{ listen, token, want string }{
		{"127.0.0.1:8421", "", ""},
		{"localhost:8421", "", ""},
		{"[::1]:8421", "", ""},
		{"127.9.9.9:0", "", ""},
		{"[::ffff:127.0.0.1]:0", "", ""},
		{"0.0.0.0:8421", dashboardToken, ""},
		{":8421", "", "set http.token: ${BOBBIN_HTTP_TOKEN}, at least 16 characters"},
		{"0.0.0.0:8421", "", "set http.token: ${BOBBIN_HTTP_TOKEN}, at least 16 characters"},
		{"[::]:8421", "", "set http.token"},
		{"192.0.2.7:8421", "", "set http.token"},
		{"bot.example.com:8421", "", "set http.token"},
		{"localhost.example.com:8421", "", "set http.token"},
		{"0.0.0.0:8421", "fifteen-letters", "too short"},
		{"127.0.0.1:8421", "short", "too short"},
		{"8421", "", "want HOST:PORT"},
	} {
		err := checkListen(c.listen, c.token)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("checkListen(%q, %q) = %v, want %q", c.listen, c.token, err, c.want)
		}
	}
}

func TestDashboardServe(t *testing.T) {
	if _, err := serveHTTP(dashboardOptions("0.0.0.0:0", "")); err == nil || !strings.HasPrefix(err.Error(), "http.listen: ") {
		t.Errorf("served to everybody without a token: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := serveHTTP(dashboardOptions(l.Addr().String(), "")); err == nil || !strings.Contains(err.Error(), "choose another address") {
		t.Errorf("a taken address says %v", err)
	}
	stop, err := serveHTTP(httpOptions{})
	if err != nil {
		t.Fatal(err)
	}
	stop()
}

// Stopping ends a reading of the data that takes long.
func TestDashboardStops(t *testing.T) {
	o := dashboardOptions("127.0.0.1:0", "")
	reading := make(chan struct{})
	o.Source = func(ctx context.Context, _ int) (dashboardData, error) {
		close(reading)
		<-ctx.Done()
		return dashboardData{}, ctx.Err()
	}
	url, stop := serveDashboard(t, o)
	answered := make(chan error, 1)
	go func() {
		resp, err := http.Get(url + "dashboard.json")
		if err == nil {
			resp.Body.Close()
		}
		answered <- err
	}()
	<-reading
	stop()
	<-answered
	if _, err := http.Get(url + "healthz"); err == nil {
		t.Error("still served after stop")
	}
}

func TestDashboardToken(t *testing.T) {
	o := dashboardOptions("0.0.0.0:8421", dashboardToken)
	for _, path := range []string{"/", "/assets/app.js", "/healthz", "/readyz"} {
		if w := request(o, "GET", path, host("bot.example.com")); w.Code != 200 {
			t.Errorf("%s without the token: %d", path, w.Code)
		}
	}
	for _, path := range []string{"/dashboard.json", "/metrics"} {
		for _, bad := range []string{"", "Bearer", "Bearer ", "Bearer wrong", "Basic " + dashboardToken, dashboardToken, "Bearer " + dashboardToken + "x"} {
			w := request(o, "GET", path, authorization(bad))
			if w.Code != 401 || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer") || strings.Contains(w.Body.String(), "bobbin_up") {
				t.Errorf("%s with %q: %d %s", path, bad, w.Code, w.Body)
			}
		}
		if w := request(o, "GET", path, authorization("bearer "+dashboardToken), host("bot.example.com")); w.Code != 200 {
			t.Errorf("%s with the token: %d", path, w.Code)
		}
	}
}

// Without a token, a site whose name resolves to this machine reads nothing.
func TestDashboardHosts(t *testing.T) {
	o := dashboardOptions("127.0.0.1:8421", "")
	for _, h := range []string{"127.0.0.1:8421", "localhost:8421", "LOCALHOST", "[::1]:8421", "127.0.0.1"} {
		if w := request(o, "GET", "/dashboard.json", host(h)); w.Code != 200 {
			t.Errorf("host %q: %d", h, w.Code)
		}
	}
	for _, h := range []string{"evil.example:8421", "127.0.0.1.evil.example", "localhost.evil.example:8421", "192.0.2.7", ""} {
		for _, path := range []string{"/", "/dashboard.json", "/metrics"} {
			if w := request(o, "GET", path, host(h)); w.Code != 403 || !strings.Contains(w.Body.String(), "http.token") {
				t.Errorf("%s for host %q: %d %s", path, h, w.Code, w.Body)
			}
		}
	}
	o.Token = dashboardToken
	if w := request(o, "GET", "/dashboard.json", host("bot.example.com"), authorization("Bearer "+dashboardToken)); w.Code != 200 {
		t.Errorf("behind a proxy with the token: %d", w.Code)
	}
}

func TestDashboardHeaders(t *testing.T) {
	o := dashboardOptions("127.0.0.1:8421", "")
	for _, path := range []string{"/", "/assets/app.js", "/dashboard.json", "/healthz", "/metrics", "/nothing"} {
		h := request(o, "GET", path).Header()
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %q", path, policy, want)
			}
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", path, h)
		}
		if cache := h.Get("Cache-Control"); cache != "no-store" && (path != "/" && path != "/assets/app.js" || cache != "no-cache") {
			t.Errorf("%s: Cache-Control %q", path, cache)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		if w := request(o, method, "/dashboard.json"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
	if w := request(o, "HEAD", "/"); w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
}

func TestDashboardAssets(t *testing.T) {
	o := dashboardOptions("127.0.0.1:8421", "")
	for path, want := range map[string]int{
		"/": 200, "/assets/app.js": 200, "/assets/theme.css": 200, "/assets/favicon.svg": 200, "/assets/vendor/chart.umd.min.js": 200,
		"/assets/": 404, "/assets": 404, "/assets/vendor/": 404, "/assets/vendor": 404, "/assets/vendor/README.md": 404,
		"/dashboard/": 404, "/assets/dashboard.go": 404, "/index.html": 404,
	} {
		if w := request(o, "GET", path); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	w := request(o, "GET", "/assets/app.js")
	if w.Header().Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("type %q", w.Header().Get("Content-Type"))
	}
	again := request(o, "GET", "/assets/app.js", func(r *http.Request) { r.Header.Set("If-None-Match", w.Header().Get("ETag")) })
	if again.Code != 304 || again.Body.Len() != 0 {
		t.Errorf("unchanged: %d", again.Code)
	}
}

func TestDashboardData(t *testing.T) {
	o := dashboardOptions("127.0.0.1:8421", "")
	for query, days := range map[string]int{"": 30, "?days=7": 7, "?days=30": 30, "?days=90": 90, "?days=365": 365} {
		w := request(o, "GET", "/dashboard.json"+query)
		var got dashboardData
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Header().Get("Content-Type") != "application/json" {
			t.Fatalf("%q: %v, %q", query, err, w.Header().Get("Content-Type"))
		}
		if want := sampleDashboard(dashboardNow, days); !reflect.DeepEqual(got, want) || len(got.Days) != days {
			t.Errorf("%q: the data did not survive the way: %+v", query, got.Period)
		}
	}
	for _, query := range []string{"?days=0", "?days=31", "?days=-7", "?days=x", "?days=99999999999999999999"} {
		if w := request(o, "GET", "/dashboard.json"+query); w.Code != 400 || !strings.Contains(w.Body.String(), "7, 30, 90 or 365") {
			t.Errorf("%q: %d %s", query, w.Code, w.Body)
		}
	}
	var log strings.Builder
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	o.Source = func(context.Context, int) (dashboardData, error) { return dashboardData{}, errors.New("disk on fire") }
	if w := request(o, "GET", "/dashboard.json"); w.Code != 503 || strings.Contains(w.Body.String(), "fire") || !strings.Contains(log.String(), "disk on fire") {
		t.Errorf("unreadable: %d %s; log %s", w.Code, w.Body, log.String())
	}
}

func TestDashboardHealth(t *testing.T) {
	o := httpOptions{Listen: "127.0.0.1:8421", Log: slog.New(slog.DiscardHandler)}
	o.Ready = func(context.Context) []string { return []string{"slack: no connection", "store: full"} }
	if w := request(o, "GET", "/readyz"); w.Code != 503 || w.Body.String() != "slack: no connection\nstore: full\n" {
		t.Errorf("not ready: %d %q", w.Code, w.Body)
	}
	if w := request(o, "GET", "/healthz"); w.Code != 200 || w.Body.String() != "ok\n" {
		t.Errorf("healthz: %d %q", w.Code, w.Body)
	}
	for _, path := range []string{"/", "/dashboard.json", "/metrics", "/assets/app.js"} {
		if w := request(o, "GET", path); w.Code != 404 {
			t.Errorf("%s is served without a source: %d", path, w.Code)
		}
	}
}
