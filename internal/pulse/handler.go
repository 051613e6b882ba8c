// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package pulse

import (
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

// Doors say who comes in where.
type Doors struct {
	// Allowed reports whether a request's sender may read published bundles. Nil
	// lets nobody in, but for those with a link.
	Allowed func(*http.Request) bool
	// Texts reports whether they may read the texts that a bundle discloses: what agents
	// wrote and read. Nil, or false: they get the bundle without.
	Texts func(*http.Request) bool
	// Refuse shows a person what is wrong, and what mends it. Nil writes plain text.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, wrong, mends string)
	// Verifier is what pages carry; nil: there are no pages, and bundles can still
	// be saved.
	Verifier *Verifier
}

// Handler serves published bundles:
//
//	/pulse/{id}, /pulse/{id}/bundle          to whom doors allow it
//	/share/{secret}, /share/{secret}/bundle  to whoever has the secret
//	/assets/pulse/{name}                     what pages consist of
//
// /pulse/{id} has no texts for whom doors do not allow them.
//
// An id is a bundle's hash, with or without "sha256:". Pages are the same for
// everybody: it is in the browser that they become true or false.
func (d *Desk) Handler(doors Doors) http.Handler {
	h := &handler{desk: d, doors: doors}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pulse/{id}", h.allow(h.page(h.published)))
	mux.HandleFunc("GET /pulse/{id}/bundle", h.allow(h.file(h.published)))
	mux.HandleFunc("GET /share/{secret}", h.page(h.shared))
	mux.HandleFunc("GET /share/{secret}/bundle", h.file(h.shared))
	if doors.Verifier != nil {
		h.site = newSite(doors.Verifier)
		for _, a := range h.site.assets {
			mux.HandleFunc("GET "+assetPath+a.name, a.serve)
		}
	}
	return mux
}

type handler struct {
	desk  *Desk
	doors Doors
	site  *site // nil: there are no pages
}

// A bundleOf returns the bundle that a request is about.
type bundleOf func(r *http.Request) ([]byte, error)

func (h *handler) published(r *http.Request) ([]byte, error) {
	id, err := parseID(r.PathValue("id"))
	if err != nil {
		return nil, store.ErrNotFound
	}
	file, err := h.desk.Read(r.Context(), id)
	if err != nil || h.doors.Texts != nil && h.doors.Texts(r) {
		return file, err
	}
	return Disclosure{}.Redact(file)
}

func (h *handler) shared(r *http.Request) ([]byte, error) {
	return h.desk.Shared(r.Context(), r.PathValue("secret"))
}

func parseID(s string) (seal.Hash, error) {
	if len(s) == 2*len(seal.Hash{}) {
		s = "sha256:" + s
	}
	return seal.ParseHash(s)
}

// allow asks before anything is looked up, so that a refusal tells nothing.
func (h *handler) allow(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if h.doors.Allowed == nil || !h.doors.Allowed(r) {
			guard(w)
			h.refuse(w, r, http.StatusForbidden, "You may not read published bundles", "Log in as somebody who may, or ask for a link.")
			return
		}
		next(w, r)
	}
}

// page serves the page of a bundle that is there. The page fetches the bundle from
// below its own address.
func (h *handler) page(of bundleOf) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		guard(w)
		if _, err := of(r); err != nil {
			h.fail(w, r, err)
			return
		}
		if h.site == nil {
			wrong, mends, _ := strings.Cut(ErrNoVerifier.Error(), "\n")
			h.refuse(w, r, http.StatusNotImplemented, wrong, mends)
			return
		}
		page, err := h.site.linked(r.URL.EscapedPath() + "/bundle")
		if err != nil {
			h.fail(w, r, err)
			return
		}
		w.Header().Set("Content-Security-Policy", linkedPolicy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page)
	}
}

// file serves the bundle itself.
func (h *handler) file(of bundleOf) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		guard(w)
		b, err := of(r)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", `attachment; filename="job.proof"`)
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		w.Write(b)
	}
}

// guard sets what holds for every answer about a bundle. Addresses of shared ones
// are secrets, so they are not sent on, kept or found.
func guard(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Robots-Tag", "noindex, nofollow")
}

// fail says why there is no bundle. Its causes go to the log.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, store.ErrNotFound) {
		h.refuse(w, r, http.StatusNotFound, "There is no such bundle here", "Ask whoever gave you the address: it may have expired.")
		return
	}
	h.desk.Log.ErrorContext(r.Context(), "published bundle cannot be read", "err", err, "missing", errors.Is(err, fs.ErrNotExist))
	h.refuse(w, r, http.StatusInternalServerError, "The bundle cannot be read just now", "Tell the operator of this house: its log says why.")
}

func (h *handler) refuse(w http.ResponseWriter, r *http.Request, status int, wrong, mends string) {
	if h.doors.Refuse == nil {
		http.Error(w, wrong+"\n"+mends, status)
		return
	}
	h.doors.Refuse(w, r, status, wrong, mends)
}

// serve serves an asset. Its name has its hash, so browsers may keep it.
func (a *asset) serve(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Write(a.body)
}
