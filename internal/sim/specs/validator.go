// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package specs

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// maxBody limits what is read of one request, in bytes. No operation takes more than 5 MB.
const maxBody = 16 << 20

// Validator returns a handler that passes requests to next and fails the test with t.Errorf, naming method, path and
// reason, when
//
//   - no published specification knows the path or method, or it is deprecated,
//   - the request breaks its operation: parameters, body, or a query key that the operation does not declare,
//   - the response breaks its operation: status or body.
//
// The request is passed on and answered in any case, so a test sees what it would see without the validator. The
// tolerances for defects of the specifications are in one file, tolerances.go. The test is skipped when the
// specifications are absent. The handler may be used concurrently; it must not outlive the test.
func Validator(t testing.TB, next http.Handler) http.Handler {
	t.Helper()
	require(t)
	return &validator{t: t, next: next}
}

type validator struct {
	t    testing.TB
	next http.Handler
}

func (v *validator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if outside(r.URL.Path) {
		v.next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		v.fault(r, "request", err)
		http.Error(w, "read request body", http.StatusBadRequest)
		return
	}
	inner := r.Clone(r.Context())
	inner.URL.Path = strings.TrimPrefix(r.URL.Path, gateway.FindString(r.URL.Path))
	inner.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, gateway.FindString(r.URL.RawPath))
	found, params, err := route(inner)
	if err != nil {
		v.fault(r, "request", err)
		r.Body = io.NopCloser(bytes.NewReader(body))
		v.next.ServeHTTP(w, r)
		return
	}
	input := requestInput(inner, body, found, params)
	for _, err := range checkRequest(input) {
		v.fault(r, "request", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	recorder := httptest.NewRecorder()
	v.next.ServeHTTP(recorder, r)
	if err := checkResponse(input, recorder); err != nil {
		v.fault(r, fmt.Sprintf("response %d", recorder.Code), err)
	}
	forward(w, recorder)
}

func (v *validator) fault(r *http.Request, what string, err error) {
	v.t.Helper()
	v.t.Errorf("specification: %s %s: %s: %v", r.Method, r.URL.RequestURI(), what, err)
}

// requestInput is a copy of the request for validation, so that what next receives stays untouched.
func requestInput(r *http.Request, body []byte, route *routers.Route, params map[string]string) *openapi3filter.RequestValidationInput {
	clone := r.Clone(r.Context())
	clone.Body = io.NopCloser(bytes.NewReader(body))
	return &openapi3filter.RequestValidationInput{
		Request:    clone,
		PathParams: params,
		Route:      route,
		Options: &openapi3filter.Options{
			AuthenticationFunc:                openapi3filter.NoopAuthenticationFunc,
			IncludeResponseStatus:             true,
			RejectWhenRequestBodyNotSpecified: true,
			SkipSettingDefaults:               true,
		},
	}
}

// checkRequest returns everything that is wrong with a request.
func checkRequest(input *openapi3filter.RequestValidationInput) []error {
	var faults []error
	if input.Route.Operation.Deprecated {
		faults = append(faults, fmt.Errorf("operation %s is deprecated", input.Route.Operation.OperationID))
	}
	if err := openapi3filter.ValidateRequest(input.Request.Context(), input); err != nil {
		faults = append(faults, err)
	}
	allowed := queryKeys(input.Route)
	for key := range input.Request.URL.Query() {
		if !slices.Contains(allowed, key) {
			faults = append(faults, fmt.Errorf("query key %q is not one of [%s]", key, strings.Join(allowed, " ")))
		}
	}
	return faults
}

// queryKeys returns the query keys that an operation declares. The schema validator ignores keys that it does not know,
// and a misspelt or smuggled key is exactly what a connector's test should catch.
func queryKeys(route *routers.Route) []string {
	keys := slices.Clone(givenKeys[route.Path])
	for _, list := range []openapi3.Parameters{route.PathItem.Parameters, route.Operation.Parameters} {
		for _, ref := range list {
			if p := ref.Value; p != nil && p.In == openapi3.ParameterInQuery {
				keys = append(keys, p.Name)
			}
		}
	}
	return keys
}

// checkResponse returns what is wrong with a response, if anything.
func checkResponse(input *openapi3filter.RequestValidationInput, recorder *httptest.ResponseRecorder) error {
	documented := input.Route.Operation.Responses.Status(recorder.Code) != nil
	if !documented && tolerated(input.Route.Method, input.Route.Path, recorder.Code) {
		return nil
	}
	if documented && recorder.Body.Len() == 0 && bodiless(input.Route.Method, input.Route.Path, recorder.Code) {
		return nil // some documents declare a JSON body even here
	}
	return openapi3filter.ValidateResponse(input.Request.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input,
		Status:                 recorder.Code,
		Header:                 recorder.Header(),
		Body:                   io.NopCloser(bytes.NewReader(recorder.Body.Bytes())),
		Options:                input.Options,
	})
}

// forward sends a recorded response on.
func forward(w http.ResponseWriter, recorder *httptest.ResponseRecorder) {
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorder.Code)
	// A client that went away is no fault of either side.
	_, _ = w.Write(recorder.Body.Bytes())
}
