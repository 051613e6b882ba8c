// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// cursorLife is how long a cursor can be used.
const cursorLife = 7 * 24 * time.Hour

// seal makes an opaque cursor: it stands for a position in the results of one question of one account, and is of no use
// for another.
func (s *Site) seal(question string, offset int) string {
	var plain [16]byte
	binary.BigEndian.PutUint64(plain[:8], uint64(offset))
	binary.BigEndian.PutUint64(plain[8:], uint64(s.now().Unix()))
	return base64.RawURLEncoding.EncodeToString(append(plain[:], s.mac(plain[:], question)...))
}

// open returns the position that a cursor stands for. It reports false for a cursor that is not ours, not for this
// question, or too old.
func (s *Site) open(question, cursor string) (int, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) != 16+sha256.Size {
		return 0, false
	}
	if !hmac.Equal(raw[16:], s.mac(raw[:16], question)) {
		return 0, false
	}
	issued := time.Unix(int64(binary.BigEndian.Uint64(raw[8:16])), 0)
	if s.now().Sub(issued) > cursorLife {
		return 0, false
	}
	return int(binary.BigEndian.Uint64(raw[:8])), true
}

func (s *Site) mac(plain []byte, question string) []byte {
	m := hmac.New(sha256.New, s.secret)
	m.Write(plain)
	m.Write([]byte(question))
	return m.Sum(nil)
}

// question identifies what a cursor belongs to: the account, the path, and the query without what changes from page to
// page.
func (c *call) question() string {
	q := make(url.Values)
	for key, values := range c.query {
		switch key {
		case "cursor", "limit", "next", "prev", "start":
		default:
			q[key] = values
		}
	}
	return c.account.id + " " + c.path + "?" + q.Encode()
}

// window is the part of the results that a request asks for.
type window struct {
	offset int
	limit  int
}

// window reads cursor and limit; the limit is cut to most.
func (s *Site) window(c *call, normal, most int) (window, *reply) {
	w := window{limit: normal}
	if text := c.query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			refusal := failure(c.path, http.StatusBadRequest, "Provided value {"+text+"} for 'limit' is not a positive integer.")
			return w, &refusal
		}
		w.limit = min(n, most)
	}
	if cursor := c.query.Get("cursor"); cursor != "" {
		offset, valid := s.open(c.question(), cursor)
		if !valid {
			refusal := failure(c.path, http.StatusBadRequest, "Invalid cursor.")
			return w, &refusal
		}
		w.offset = offset
	}
	return w, nil
}

// cut returns the items in the window and whether more follow.
func cut[T any](items []T, w window) ([]T, bool) {
	start := min(w.offset, len(items))
	end := min(start+w.limit, len(items))
	return items[start:end], end < len(items)
}

// nextQuery is the query of the request for the next page.
func (s *Site) nextQuery(c *call, w window) string {
	q := make(url.Values)
	for key, values := range c.query {
		q[key] = values
	}
	q.Del("next")
	q.Set("limit", strconv.Itoa(w.limit))
	q.Set("cursor", s.seal(c.question(), w.offset+w.limit))
	return q.Encode()
}

// v2List answers with a page of results of Confluence v2.
func v2List(s *Site, c *call, items []object) reply {
	w, refusal := s.window(c, 25, 250)
	if refusal != nil {
		return *refusal
	}
	results, more := cut(items, w)
	results = append([]object{}, results...) // never null
	links := object{"base": c.base + "/wiki"}
	rep := ok(object{"results": results, "_links": links})
	if more {
		next := c.path + "?" + s.nextQuery(c, w)
		links["next"] = next
		rep.header = http.Header{"Link": {"<" + next + `>; rel="next", <` + c.base + `/wiki>; rel="base"`}}
	}
	return rep
}
