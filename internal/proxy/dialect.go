// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/clawea/clawea/policy"
)

// A dialect is how a kind of provider is spoken to.
type dialect struct {
	name     string
	endpoint string // under the route's BaseURL, which is all there is of it
	action   policy.Action
	query    string                                             // the only query that may be sent, or ""
	sign     func(h http.Header, key string)                    // adds the provider's key
	problem  func(status int, code, msg string) ([]byte, error) // the body of an error
}

var openAI = dialect{
	name:     "openai",
	endpoint: "chat/completions",
	action:   policy.Action{Tool: "model", Name: "chat.completions", Class: policy.Model},
	sign:     func(h http.Header, key string) { h.Set("Authorization", "Bearer "+key) },
	problem: func(status int, code, msg string) ([]byte, error) {
		return json.Marshal(openAIProblem{openAIError{msg, kinds[status], code, nil}})
	},
}

var anthropic = dialect{
	name:     "anthropic",
	endpoint: "messages",
	action:   policy.Action{Tool: "model", Name: "messages", Class: policy.Model},
	query:    "beta=true",
	sign:     func(h http.Header, key string) { h.Set("X-Api-Key", key) },
	problem: func(status int, _, msg string) ([]byte, error) {
		return json.Marshal(anthropicProblem{"error", anthropicError{kinds[status], msg}})
	},
}

// kinds are the error types of both dialects, by status.
var kinds = map[int]string{
	http.StatusBadRequest:            "invalid_request_error",
	http.StatusUnauthorized:          "authentication_error",
	http.StatusForbidden:             "permission_error",
	http.StatusNotFound:              "not_found_error",
	http.StatusRequestEntityTooLarge: "request_too_large",
	http.StatusBadGateway:            "api_error",
	http.StatusServiceUnavailable:    "api_error",
}

type openAIProblem struct {
	Error openAIError `json:"error"`
}

type openAIError struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Code    string  `json:"code"`
	Param   *string `json:"param"`
}

type anthropicProblem struct {
	Type  string         `json:"type"`
	Error anthropicError `json:"error"`
}

type anthropicError struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

func (d *dialect) takes(query string) bool { return query == "" || query == d.query }

// problemBody is an error in the dialect's shape: what is wrong, and what mends it.
func (d *dialect) problemBody(status int, code, what, mend string) []byte {
	b, err := d.problem(status, code, what+"\n"+mend)
	if err != nil { // unreachable: structs of strings
		return nil
	}
	return b
}

// answer sends an error that has nothing to do with a provider.
func answer(w http.ResponseWriter, d *dialect, status int, code, what, mend string) {
	b := d.problemBody(status, code, what, mend)
	problemHeader(w.Header(), b)
	w.WriteHeader(status)
	w.Write(b) // the agent may be gone; there is no one else to tell
}

func problemHeader(h http.Header, body []byte) {
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
}
