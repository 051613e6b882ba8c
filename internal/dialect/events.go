// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package dialect

import "bytes"

// events calls f with the data of each of a stream's events (HTML, section 9.2).
// The last one may have no end.
func events(body []byte, f func(data []byte)) {
	l := lines{b: body, feed: -1}
	var data []byte
	var n int // lines of it
	for line, ok := l.next(); ok; line, ok = l.next() {
		value, isData := bytes.CutPrefix(line, []byte("data:"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case len(line) == 0 && n > 0:
			f(data)
			n = 0
		case !isData:
		case n == 0:
			data, n = value[:len(value):len(value)], 1 // what is appended goes elsewhere
		default:
			data, n = append(append(data, '\n'), value...), n+1
		}
	}
	if n > 0 {
		f(data)
	}
}

// lines are a text's, which end in LF, CR LF or CR.
type lines struct {
	b    []byte
	at   int // where the next line begins
	feed int // the first LF from there on, or the end; behind at if it is not known
}

func (l *lines) next() (line []byte, ok bool) {
	start := l.at
	if start >= len(l.b) {
		return nil, false
	}
	if l.feed < start {
		l.feed = len(l.b)
		if i := bytes.IndexByte(l.b[start:], '\n'); i >= 0 {
			l.feed = start + i
		}
	}
	end := l.feed
	if i := bytes.IndexByte(l.b[start:end], '\r'); i >= 0 {
		end = start + i
	}
	l.at = end + 1
	if end+1 == l.feed { // CR LF
		l.at++
	}
	return l.b[start:end], true
}
