// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"net/http"
	"strings"
)

// failure is an error in the shape of the interface that the path belongs to.
func failure(path string, status int, text string) reply {
	switch {
	case strings.HasPrefix(path, "/wiki/api/v2/"):
		return v2Error(status, text)
	case isContentPath(path):
		return v1Error(status, text)
	case strings.HasPrefix(path, "/rest/api/3/bulk/"):
		return reply{status: status, body: object{"errors": []object{{"message": text}}}}
	}
	return jiraError(status, text)
}

// isContentPath tells whether a path belongs to version 1 of Confluence, on Cloud or on Data Center.
func isContentPath(path string) bool {
	if strings.HasPrefix(path, "/wiki/") {
		return !strings.HasPrefix(path, "/wiki/api/v2/")
	}
	return strings.HasPrefix(path, "/rest/") && !strings.HasPrefix(path, "/rest/api/2/") && !strings.HasPrefix(path, "/rest/api/3/")
}

// fit gives an error that comes from a part which the versions of Confluence share the shape of the version that was
// called.
func fit(c *call, rep reply) reply {
	o, isObject := rep.body.(object)
	list, isV2 := o["errors"].([]object)
	if !isObject || !isV2 || len(list) != 1 || !isContentPath(c.path) {
		return rep
	}
	title, _ := list[0]["title"].(string)
	return v1Error(rep.status, title)
}

// v2Codes are the names that Confluence v2 gives to statuses.
var v2Codes = map[int]string{
	http.StatusBadRequest:            "INVALID_REQUEST_PARAMETER",
	http.StatusUnauthorized:          "UNAUTHORIZED",
	http.StatusForbidden:             "FORBIDDEN",
	http.StatusNotFound:              "NOT_FOUND",
	http.StatusMethodNotAllowed:      "METHOD_NOT_ALLOWED",
	http.StatusConflict:              "CONFLICT",
	http.StatusRequestEntityTooLarge: "REQUEST_TOO_LARGE",
	http.StatusUnsupportedMediaType:  "UNSUPPORTED_MEDIA_TYPE",
	http.StatusTooManyRequests:       "TOO_MANY_REQUESTS",
}

// v2Error is an error of Confluence v2.
func v2Error(status int, title string) reply {
	return reply{status: status, body: object{"errors": []object{
		{"status": status, "code": v2Codes[status], "title": title, "detail": nil},
	}}}
}

// v1Error is an error of Confluence v1.
func v1Error(status int, message string) reply {
	return reply{status: status, body: object{
		"statusCode": status,
		"data": object{
			"authorized": status != http.StatusUnauthorized && status != http.StatusForbidden,
			"valid":      false,
			"errors":     []object{{"message": object{"translation": message, "args": []string{}}}},
			"successful": false,
		},
		"message": message,
		"reason":  http.StatusText(status),
	}}
}

// jiraError is an error of Jira that is about the request as a whole.
func jiraError(status int, messages ...string) reply {
	return reply{status: status, body: object{"errorMessages": messages, "errors": object{}}}
}

// jiraFieldErrors is an error of Jira that is about fields, by field id.
func jiraFieldErrors(errs map[string]string) reply {
	return reply{status: http.StatusBadRequest, body: object{"errorMessages": []string{}, "errors": errs}}
}

func gone(_ *Site, c *call) reply {
	return failure(c.path, http.StatusGone, "The requested API has been removed. Please migrate to its successor; see the developer changelog.")
}
