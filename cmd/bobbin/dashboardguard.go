package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// minHTTPToken is the fewest characters of http.token: with fewer it can be guessed.
const minHTTPToken = 16

// checkListen says why an address must not be served with this token.
func checkListen(listen, token string) error {
	host, _, err := net.SplitHostPort(listen)
	switch {
	case err != nil:
		return fmt.Errorf("%q: want HOST:PORT such as 127.0.0.1:8421, or empty to switch it off", listen)
	case token == "" && !isLoopback(host):
		return fmt.Errorf("%q can be reached from other machines, and the dashboard shows who spends what: set http.token: ${BOBBIN_HTTP_TOKEN}, at least %d characters, or listen at 127.0.0.1", listen, minHTTPToken)
	case token != "" && len(token) < minHTTPToken:
		return fmt.Errorf("the token for %q is too short: set http.token: ${BOBBIN_HTTP_TOKEN}, at least %d characters", listen, minHTTPToken)
	}
	return nil
}

// isLoopback reports whether only this machine reaches host. Of a name other than
// localhost nobody knows.
func isLoopback(host string) bool {
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return addr.Unmap().IsLoopback()
	}
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
}

// pagePolicy lets the page load its own files and its own data, and nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guard sets the headers of every response and refuses what nobody should ask.
func (o httpOptions) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "read-only: use GET", http.StatusMethodNotAllowed)
		case !o.allowsHost(r.Host):
			http.Error(w, fmt.Sprintf("refused: this address is served to this machine only, not as %q. Behind a proxy, set http.token.", r.Host), http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// allowsHost keeps other sites out whose name was made to resolve to loopback: a
// browser would let their scripts read what is served without a token.
func (o httpOptions) allowsHost(hostport string) bool {
	listen, _, err := net.SplitHostPort(o.Listen)
	if o.Token != "" || err == nil && !isLoopback(listen) {
		return true
	}
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport // without a port
	}
	return isLoopback(host) || strings.EqualFold(host, listen)
}

// private asks for the token, if there is one.
func (o httpOptions) private(next http.Handler) http.Handler {
	if o.Token == "" {
		return next
	}
	want := sha256.Sum256([]byte(o.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(token))) // equal lengths, for a comparison in constant time
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="bobbin"`)
			http.Error(w, "this needs the header Authorization: Bearer TOKEN, with the http.token of the configuration", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
