// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seam

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// What gateways are told that did not do well.
var (
	noGateway = &api.Problem{Status: http.StatusForbidden, Code: "no_gateway", Title: "this is for gateways that the house knows, and what was sent is none's token, or nothing",
		Hint: "send the token of one under \"seam\" in the daemon's configuration, in the header " + api.GatewayHeader}
	noToken = &api.Problem{Status: http.StatusUnauthorized, Code: "no_token", Title: "the agent's request has no CST, or more than one",
		Hint: "hand on the agent's own Authorization header, and its DPoP header"}
	trouble = &api.Problem{Status: http.StatusServiceUnavailable, Code: "internal", Title: "the house cannot decide now, and has allowed nothing",
		Hint: "try again later; the daemon's log says why"}
	tooLarge = &api.Problem{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Title: "the request is larger than 4 MiB, or did not arrive whole",
		Hint: "send less"}
	noCall = &api.Problem{Status: http.StatusNotFound, Code: "not_found", Title: "there is no such call that may be closed so",
		Hint: "send the ticket that came with the verdict, to the receipt that it named"}
	tooLate = &api.Problem{Status: http.StatusConflict, Code: "late", Title: "the time to report on this call is over; it stays open, and may have happened",
		Hint: "report within \"report_within\" of the daemon's configuration (\"seam\")"}
	twice = &api.Problem{Status: http.StatusConflict, Code: "closed", Title: "the call is closed already",
		Hint: "what was reported first holds: clawea job show JOB"}
)

func badRequest(detail, hint string) *api.Problem {
	return &api.Problem{Status: http.StatusBadRequest, Code: "bad_request", Title: "the request is not what is wanted", Detail: detail, Hint: hint}
}

// ServeAuthorize answers POST /v1/authorize: a decision is status 200, whatever it is.
func (h *Handler) ServeAuthorize(w http.ResponseWriter, r *http.Request) {
	gw := h.from(r)
	if gw == nil {
		h.tell(w, r, noGateway)
		return
	}
	var in api.Asking
	if p := h.read(w, r, &in); p != nil {
		h.tell(w, r, p)
		return
	}
	class := cmp.Or(in.Class, policy.Write)
	if !slices.Contains([]policy.Class{policy.Read, policy.Search, policy.Write, policy.Admin}, class) {
		h.tell(w, r, badRequest("/class", "write \"read\", \"search\", \"write\" or \"admin\", or leave it out"))
		return
	}
	sent := cmp.Or(in.Sent, new(api.Sent))
	if in.Sent != nil && (sent.Method == "" || !plainPath(sent.Path)) {
		h.tell(w, r, badRequest("/sent", "write the method and the path of the agent's request, as it was sent"))
		return
	}
	if in.Args == nil {
		in.Args = []byte("{}")
	}
	req := h.request(in.Tool, in.Action, class, in.Args, &gate.Carrier{Name: gw.Name, Mode: gw.Mode})
	p, ok := h.present(w, r, gw, sent.Method, sent.Path)
	if !ok {
		h.door.Challenge(w.Header(), "", "")
		h.tell(w, r, noToken)
		return
	}
	c, err := h.gate.Authenticate(r.Context(), p, asking)
	if err != nil {
		h.tell(w, r, h.problem(w, r, err))
		return
	}
	v, err := h.decide(r.Context(), c, req)
	if err != nil {
		h.tell(w, r, h.problem(w, r, err))
		return
	}
	h.write(w, r, http.StatusOK, "application/json", v)
}

// ServeClose answers POST /v1/authorize/{job}/{seq}/close, with the closed receipt. The
// agent's token is not asked for: it may hold no longer, and a report is no power.
func (h *Handler) ServeClose(w http.ResponseWriter, r *http.Request) {
	gw := h.from(r)
	if gw == nil {
		h.tell(w, r, noGateway)
		return
	}
	h.serveReport(w, r, func(ctx context.Context, opened *receipt.Receipt, ticket string, status receipt.Status, code string, body []byte) (*receipt.Receipt, error) {
		return h.gate.Report(ctx, opened, gw.Name, ticket, status, code, body)
	})
}

// A reporter closes a call with what its carrier says: gate.Report of one carrier.
type reporter func(ctx context.Context, opened *receipt.Receipt, ticket string, status receipt.Status, code string, body []byte) (*receipt.Receipt, error)

// serveReport answers what a carrier says became of a call.
func (h *Handler) serveReport(w http.ResponseWriter, r *http.Request, report reporter) {
	var in api.Report
	if p := h.read(w, r, &in); p != nil {
		h.tell(w, r, p)
		return
	}
	status := receipt.Status(in.Status)
	if !slices.Contains(receipt.Statuses(), status) {
		h.tell(w, r, badRequest("/status", "write \"done\", \"failed\", \"aborted\" or \"unknown\""))
		return
	}
	if err := receipt.CheckCode(in.Code); err != nil {
		h.tell(w, r, badRequest("/code: "+err.Error(), "write a status like \"200\", or a word"))
		return
	}
	if in.Result != nil && !in.ResultDigest.IsZero() {
		h.tell(w, r, badRequest("/result_sha256", "send the result or its SHA-256, and not both"))
		return
	}
	closed, err := h.report(r, report, &in, status)
	if err != nil {
		h.tell(w, r, h.problem(w, r, err))
		return
	}
	w.Header().Set(receiptSaid, closed.Receipt)
	h.write(w, r, http.StatusOK, "application/json", closed)
}

func (h *Handler) report(r *http.Request, report reporter, in *api.Report, status receipt.Status) (*api.Reported, error) {
	job := r.PathValue("job")
	seq, err := strconv.ParseUint(r.PathValue("seq"), 10, 63)
	if err != nil {
		return nil, gate.ErrNotCarried
	}
	opened, err := h.opened(r.Context(), job, seq)
	if err != nil {
		return nil, err
	}
	var body []byte
	switch {
	case in.Result != nil:
		body = []byte(*in.Result)
	case !in.ResultDigest.IsZero():
		body = []byte(in.ResultDigest.String())
	}
	closed, err := report(r.Context(), opened, in.Ticket, status, in.Code, body)
	if err != nil {
		return nil, err
	}
	e, err := h.db.Receipt(r.Context(), job, closed.Seq)
	if err != nil {
		return nil, err
	}
	return &api.Reported{Receipt: closed.Name(), Closed: e}, nil
}

// read reads a body that is strict JSON.
func (h *Handler) read(w http.ResponseWriter, r *http.Request, v any) *api.Problem {
	b, p := body(w, r)
	if p != nil {
		return p
	}
	if err := seal.Unmarshal(b, v); err != nil {
		return badRequest(err.Error(), "mend the JSON; see docs/seam.md")
	}
	return nil
}

// body reads all of a request.
func body(w http.ResponseWriter, r *http.Request) ([]byte, *api.Problem) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		return nil, tooLarge
	}
	return b, nil
}

// problem says err to a gateway, and the log what it may not know.
func (h *Handler) problem(w http.ResponseWriter, r *http.Request, err error) *api.Problem {
	var refused *gate.Refused
	switch {
	case errors.As(err, &refused):
		if refused.Status() == http.StatusUnauthorized || refused.Status() == http.StatusForbidden {
			h.door.Challenge(w.Header(), refused.Code, "")
		}
		status := refused.Status()
		if refused.Code == tooMuch {
			status = http.StatusRequestEntityTooLarge
		}
		return &api.Problem{Status: status, Code: refused.Code, Title: "the CST is refused", Detail: refused.Code, Hint: refused.Hint()}
	case errors.Is(err, gate.ErrNotCarried), errors.Is(err, store.ErrNotFound):
		return noCall
	case errors.Is(err, gate.ErrLate):
		return tooLate
	case errors.Is(err, store.ErrConflict):
		return twice
	}
	h.log.ErrorContext(r.Context(), "gateway's request failed", "path", r.URL.Path, "err", err)
	return trouble
}

// tell writes p, which is not changed.
func (h *Handler) tell(w http.ResponseWriter, r *http.Request, p *api.Problem) {
	out := *p
	out.Type = "urn:clawea:problem:" + p.Code
	h.write(w, r, p.Status, "application/problem+json", &out)
}

func (h *Handler) write(w http.ResponseWriter, r *http.Request, status int, kind string, v any) {
	b, err := seal.Marshal(v)
	if err != nil {
		h.log.ErrorContext(r.Context(), "answer not written", "err", err)
		status, b = http.StatusServiceUnavailable, nil // fail closed
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	if _, err := w.Write(b); err != nil {
		h.log.DebugContext(r.Context(), "gateway gone", "err", err)
	}
}
