package slacksim

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
)

//go:embed web
var webFiles embed.FS

// webTypes are set by hand, since package mime also reads the system's table,
// which may call JavaScript text/plain.
var webTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".mjs":  "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".json": "application/json",
	".svg":  "image/svg+xml",
	".png":  "image/png",
	".ico":  "image/x-icon",
	".woff": "font/woff", ".woff2": "font/woff2",
}

// serveWeb serves the page at / and its files under /assets/. Browsers keep
// them but ask each time, so that a new build shows at once.
func serveWeb(rw http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, "/assets/")
	if r.URL.Path == "/" {
		name, ok = "index.html", true
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		sendError(rw, http.StatusMethodNotAllowed, "use GET")
		return
	}
	data, err := webFiles.ReadFile("web/" + name)
	if !ok || err != nil {
		sendError(rw, http.StatusNotFound, "no such page")
		return
	}
	sum := sha256.Sum256(data)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	h := rw.Header()
	h.Set("ETag", etag)
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", "application/octet-stream")
	if t := webTypes[path.Ext(name)]; t != "" {
		h.Set("Content-Type", t)
	}
	if r.Header.Get("If-None-Match") == etag {
		rw.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = rw.Write(data)
}
