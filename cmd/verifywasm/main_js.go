// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Command verifywasm is the verifier for browsers: package verify, built with
// GOOS=js GOARCH=wasm. It gives the page one object, clawea, with two functions
// on files in memory. It reads, sends and keeps nothing.
//
//	clawea.claims(bundle)             who the file says signed it, unchecked
//	clawea.verify(bundle, trust, now) the report, and the story
//
// Files are Uint8Arrays; now is in milliseconds since 1970, and 0 expects
// nothing. Both return an object of strings: error, in two lines, if it is not
// empty; else JSON. report is, to the bit, what clawea proof verify -format json
// prints.
package main

import (
	"strings"
	"syscall/js"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/story"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

func main() {
	js.Global().Set("clawea", map[string]any{
		"claims": function(claims),
		"verify": function(check),
	})
	select {} // the page calls
}

// maxTrust bounds a trust file, in bytes.
const maxTrust = 1 << 20

// function makes f one that JavaScript can call.
func function(f func(args []js.Value) (map[string]any, error)) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any {
		out, err := f(args)
		if err != nil {
			return map[string]any{"error": err.Error()}
		}
		return out
	})
}

func claims(args []js.Value) (map[string]any, error) {
	file, err := file(args, 0, bundle.MaxSize)
	if err != nil {
		return nil, err
	}
	c, err := story.Claim(file)
	if err != nil {
		return nil, err
	}
	out, err := seal.MarshalUpTo(c, maxStory)
	return map[string]any{"claims": string(out)}, err
}

func check(args []js.Value) (map[string]any, error) {
	paper, err := file(args, 1, maxTrust)
	if err != nil {
		return nil, err
	}
	trust, err := verify.ParseTrust(paper)
	if err != nil {
		return nil, err
	}
	file, err := file(args, 0, bundle.MaxSize)
	if err != nil {
		return nil, err
	}
	var expect verify.Expect
	if len(args) > 2 && args[2].Type() == js.TypeNumber && args[2].Int() != 0 {
		expect.Now = time.UnixMilli(int64(args[2].Float()))
	}
	return tell(file, trust, expect)
}

// maxStory bounds a story in JSON.
const maxStory = 256 << 20

func tell(file []byte, trust *verify.Trust, expect verify.Expect) (map[string]any, error) {
	r := verify.Bundle(file, trust, expect)
	var report strings.Builder
	if err := verify.WriteJSON(&report, r); err != nil {
		return nil, err
	}
	out := map[string]any{"report": report.String(), "story": ""}
	s, err := story.Tell(file, trust, r)
	if err != nil {
		return out, nil // no bundle: the report says so, and there is no story
	}
	text, err := seal.MarshalUpTo(s, maxStory)
	if err != nil {
		return nil, err
	}
	out["story"] = string(text)
	return out, nil
}
