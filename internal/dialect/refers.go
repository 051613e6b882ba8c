// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package dialect

import "bytes"

// A place is where a value is, as far as its meaning may depend on it: what the
// name before it says, or that before its array.
type place uint8

const (
	anywhere    place = iota
	link              // an address, or the content itself as a data: URL
	source            // an object that holds content, or says where it is
	content           // content itself, in base64
	mediaType         // what kind it is
	document          // a file's content, or an object that says where it is
	stored            // the id of something that the provider keeps
	sound             // an object that may say which of the provider's answers is meant
	itemType          // what kind of thing the object is
	recording         // an object that holds a sound
	soundFormat       // how it is written
)

// placeOf returns the place of a member's value in an object at place in.
func placeOf(name []byte, in place) place {
	switch string(name) {
	case "image_url", "video_url", "audio_url", "file_url":
		return link
	case "url":
		if in == link || in == source {
			return link
		}
	case "source", "inlineData", "inline_data", "file":
		return source
	case "data":
		if in == source {
			return content
		}
	case "media_type", "mimeType", "mime_type":
		if in == source {
			return mediaType
		}
	case "file_data", "fileData":
		return document
	case "file_id", "file_ids", "fileUri", "file_uri", "vector_store_ids":
		return stored
	case "audio":
		return sound
	case "id":
		if in == sound {
			return stored
		}
	case "input_audio":
		return recording
	case "format":
		if in == recording {
			return soundFormat
		}
	case "type":
		return itemType
	}
	return anywhere
}

// enoughForPicture is how many bytes of base64 are more than any provider's
// tokens for one picture. Fewer may be a large picture of little in it.
const enoughForPicture = 64 << 10

// leaf looks at a string at place in. In doubt it refers: its length is then no
// bound, and all that the model can read is.
func (r *reader) leaf(raw []byte, in place) {
	switch in {
	case link:
		picture := bytes.HasPrefix(raw, []byte("data:image")) && len(raw) >= enoughForPicture
		r.a.Refers = r.a.Refers || len(raw) > 0 && !picture
	case content:
		r.short = r.short || len(raw) < enoughForPicture
	case mediaType:
		r.media(raw)
	case document, stored:
		r.a.Refers = r.a.Refers || len(raw) > 0
	case soundFormat:
		r.a.Refers = r.a.Refers || string(raw) != "wav" && string(raw) != "mp3"
	case itemType:
		r.a.Refers = r.a.Refers || string(raw) == "item_reference"
	}
}

// media looks at what kind content is. Texts have fewer tokens than bytes, as do
// sounds whose length in time follows from that in bytes: other formats write hours
// of silence in a few. Documents and films need not, and pictures only if they are
// short.
func (r *reader) media(kind []byte) {
	switch string(kind) {
	case "audio/wav", "audio/mp3", "audio/mpeg":
		return
	}
	switch top, _, _ := bytes.Cut(kind, []byte("/")); string(top) {
	case "text":
	case "image":
		r.picture = true
	default:
		r.a.Refers = true
	}
}

// walk passes over any value at place in, and looks at what it refers to.
func (r *reader) walk(in place) bool {
	switch c := r.next(); {
	case r.a.Refers:
		return r.skip()
	case c == '"':
		raw, escaped, ok := r.quoted()
		if ok && in != anywhere {
			r.leaf(r.unescape(raw, escaped), in)
		}
		return ok
	case c == '{':
		return r.walkObject(in)
	case c == '[':
		return r.walkArray(in)
	default:
		return r.scalar(c)
	}
}

func (r *reader) walkObject(in place) bool {
	if !r.enter() {
		return false
	}
	for first := true; r.more(first, '}'); first = false {
		raw, escaped, ok := r.name()
		if !ok || !r.walk(placeOf(r.unescape(raw, escaped), in)) {
			return false
		}
	}
	return r.leave()
}

func (r *reader) walkArray(in place) bool {
	if !r.enter() {
		return false
	}
	for first := true; r.more(first, ']'); first = false {
		if !r.walk(in) {
			return false
		}
	}
	return r.leave()
}

// input reads what OpenAI's responses answer to: a text, or items.
func (r *reader) input() bool {
	switch r.next() {
	case '[':
		return r.elements(r.item)
	case '{':
		return r.item()
	}
	return r.walk(anywhere)
}

// itemMembers are those that items of the input are looked at for.
var itemMembers = []string{"type", "role", "tools"}

// item reads one of the input's. Those that an item lists are offered like the
// request's own tools: the model may call them from there on.
func (r *reader) item() bool {
	if r.next() != '{' {
		return r.walk(anywhere)
	}
	var known bool // what it is: else it stands for one that the provider keeps
	ok := r.members(func(name []byte) bool {
		switch string(name) {
		case "tools":
			return r.list(r.openAITool)
		case "type", "role":
			known = known || r.next() == '"'
		default:
			if alike(name, itemMembers) {
				return r.fail("a name in a spelling of its own: " + excerpt(name))
			}
		}
		return r.walk(placeOf(name, anywhere))
	})
	r.a.Refers = r.a.Refers || !known
	return ok
}
