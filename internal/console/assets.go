// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed assets/console.css assets/console.js assets/mark.svg
var assets embed.FS

//go:embed pages/*.html
var pageFiles embed.FS

// pages are all templates, read once.
var pages = template.Must(template.New("").Funcs(functions()).ParseFS(pageFiles, "pages/*.html"))

// An asset is a file under a name that changes with it, so that browsers may keep
// it for ever.
type asset struct {
	name, kind string
	body       []byte
}

// served returns the assets by file name.
var served = sync.OnceValue(func() map[string]asset {
	out := map[string]asset{}
	for file, kind := range map[string]string{"console.css": "text/css", "console.js": "text/javascript", "mark.svg": "image/svg+xml"} {
		body, err := assets.ReadFile("assets/" + file)
		if err != nil { // unreachable: it is embedded
			continue
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(file)
		out[file] = asset{strings.TrimSuffix(file, ext) + "." + hex.EncodeToString(sum[:8]) + ext, kind + "; charset=utf-8", body}
	}
	return out
})

// assetNames are the addresses of the assets, by a word for each.
func assetNames() map[string]string {
	a := served()
	return map[string]string{
		"style": "/assets/" + a["console.css"].name, "script": "/assets/" + a["console.js"].name, "mark": "/assets/" + a["mark.svg"].name,
	}
}

// asset serves a file for ever. It holds no secret.
func (c *Console) asset(w http.ResponseWriter, r *http.Request) {
	for _, a := range served() {
		if a.name == r.PathValue("name") {
			w.Header().Set("Content-Type", a.kind)
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
			if _, err := w.Write(a.body); err != nil {
				c.Log.DebugContext(r.Context(), "reader gone", "err", err)
			}
			return
		}
	}
	http.Error(w, "there is no such file", http.StatusNotFound)
}
