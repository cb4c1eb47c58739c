package main

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed dashboard
var dashboardFiles embed.FS

// dashboardTypes are set by hand, since package mime also reads the system's
// table, which may call JavaScript text/plain. Other files are not served.
var dashboardTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
}

type dashboardAsset struct {
	data           []byte
	etag, mimeType string
}

// dashboardAssets are the files of the page, by their path below dashboard/.
var dashboardAssets = sync.OnceValue(func() map[string]dashboardAsset {
	assets := map[string]dashboardAsset{}
	err := fs.WalkDir(dashboardFiles, ".", func(name string, d fs.DirEntry, err error) error {
		mimeType := dashboardTypes[path.Ext(name)]
		if err != nil || d.IsDir() || mimeType == "" {
			return err
		}
		data, err := dashboardFiles.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		assets[strings.TrimPrefix(name, "dashboard/")] = dashboardAsset{data, `"` + hex.EncodeToString(sum[:8]) + `"`, mimeType}
		return nil
	})
	if err != nil {
		panic(err) // the files are in the binary
	}
	return assets
})

// serveAsset serves one file. Browsers keep it but ask each time, so that a new
// build shows at once.
func serveAsset(name string) http.HandlerFunc {
	a := dashboardAssets()[name]
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("ETag", a.etag)
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Type", a.mimeType)
		if r.Header.Get("If-None-Match") == a.etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(a.data)
	}
}
