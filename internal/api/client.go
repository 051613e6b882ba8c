// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// maxAnswer bounds what a client reads, in bytes: the largest bundle, and a little.
const maxAnswer = 80 << 20

// A Client calls a daemon as an operator.
type Client struct {
	URL   string                 // "http://127.0.0.1:7433"
	Token func() (string, error) // the operator's token, fetched for each call; nil: none
	HTTP  *http.Client           // nil: one with a time-out of a minute and without redirects
}

var plain = &http.Client{
	Timeout:       time.Minute,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Publish publishes a signed WPC. xs says how the plugins and skills are that it lists.
func (c *Client) Publish(ctx context.Context, e *seal.Envelope, xs ...policy.Extension) (*Policy, error) {
	return call[Policy](ctx, c, "POST", "/v1/wpc", &Paper{*e, xs})
}

// Propose begins a draft of a policy, or adds signatures to it: e may have none. xs is as of
// Publish.
func (c *Client) Propose(ctx context.Context, e *seal.Envelope, xs ...policy.Extension) (*Draft, error) {
	return call[Draft](ctx, c, "POST", "/v1/drafts", &Paper{*e, xs})
}

// Drafts lists the open drafts.
func (c *Client) Drafts(ctx context.Context) (*Drafts, error) {
	return call[Drafts](ctx, c, "GET", "/v1/drafts", nil)
}

// Policies lists what is published.
func (c *Client) Policies(ctx context.Context) (*Policies, error) {
	return call[Policies](ctx, c, "GET", "/v1/wpc", nil)
}

// History lists what is published under a name, oldest first.
func (c *Client) History(ctx context.Context, name string) (*Policies, error) {
	return call[Policies](ctx, c, "GET", "/v1/wpc?name="+url.QueryEscape(name), nil)
}

// Policy returns one published WPC with its papers.
func (c *Client) Policy(ctx context.Context, h seal.Hash) (*Policy, error) {
	return call[Policy](ctx, c, "GET", "/v1/wpc/"+h.String(), nil)
}

// Issue mints a CST.
func (c *Client) Issue(ctx context.Context, o *Order) (*Issued, error) {
	return call[Issued](ctx, c, "POST", "/v1/cst", o)
}

// Record returns what is on record about a CST.
func (c *Client) Record(ctx context.Context, id token.ID) (*Token, error) {
	return call[Token](ctx, c, "GET", "/v1/cst/"+url.PathEscape(string(id)), nil)
}

// Revoke revokes one CST.
func (c *Client) Revoke(ctx context.Context, id token.ID, reason string) (*Revoked, error) {
	return call[Revoked](ctx, c, "POST", "/v1/cst/"+url.PathEscape(string(id))+"/revoke", &Revocation{reason})
}

// RevokeJob revokes all CSTs of a job.
func (c *Client) RevokeJob(ctx context.Context, job, reason string) (*Revoked, error) {
	return call[Revoked](ctx, c, "POST", "/v1/jobs/"+url.PathEscape(job)+"/revoke", &Revocation{reason})
}

// End revokes what the order names.
func (c *Client) End(ctx context.Context, o *RevocationOrder) (*Revoked, error) {
	return call[Revoked](ctx, c, "POST", "/v1/revocations", o)
}

// Lift takes an order to revoke back.
func (c *Client) Lift(ctx context.Context, id int64) (*Revoked, error) {
	return call[Revoked](ctx, c, "POST", fmt.Sprintf("/v1/revocations/%d/lift", id), nil)
}

// Revocations lists orders to revoke: those in force, or all.
func (c *Client) Revocations(ctx context.Context, all bool) (*Revocations, error) {
	path := "/v1/revocations"
	if all {
		path += "?all=true"
	}
	return call[Revocations](ctx, c, "GET", path, nil)
}

// Jobs lists the newest jobs.
func (c *Client) Jobs(ctx context.Context) (*Jobs, error) {
	return call[Jobs](ctx, c, "GET", "/v1/jobs", nil)
}

// Job returns one job.
func (c *Client) Job(ctx context.Context, job string) (*Job, error) {
	return call[Job](ctx, c, "GET", "/v1/jobs/"+url.PathEscape(job), nil)
}

// Receipts returns a job's receipts.
func (c *Client) Receipts(ctx context.Context, job string) (*Receipts, error) {
	return call[Receipts](ctx, c, "GET", "/v1/jobs/"+url.PathEscape(job)+"/receipts", nil)
}

// Call returns the receipts of the call that receipt seq of a job opens or closes.
func (c *Client) Call(ctx context.Context, job string, seq uint64) (*Call, error) {
	return call[Call](ctx, c, "GET", fmt.Sprintf("/v1/receipts/%s/%d", url.PathEscape(job), seq), nil)
}

// Proof returns a job's bundle, byte for byte. disclose says whether the texts
// behind the commitments go into it.
func (c *Client) Proof(ctx context.Context, job string, disclose bool) ([]byte, error) {
	path := "/v1/jobs/" + url.PathEscape(job) + "/proof"
	if disclose {
		path += "?disclose=all"
	}
	return c.do(ctx, "GET", path, nil)
}

// Approvals lists questions: those that wait for an answer, or all.
func (c *Client) Approvals(ctx context.Context, all bool, after string) (*Approvals, error) {
	path, q := "/v1/approvals", url.Values{}
	if all {
		q.Set("all", "true")
	}
	if after != "" {
		q.Set("after", after)
	}
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return call[Approvals](ctx, c, "GET", path, nil)
}

// Question returns one question with what it is about.
func (c *Client) Question(ctx context.Context, id string) (*Question, error) {
	return call[Question](ctx, c, "GET", "/v1/approvals/"+url.PathEscape(id), nil)
}

// Answer hands in a person's signed answer.
func (c *Client) Answer(ctx context.Context, id string, e *seal.Envelope) (*Approval, error) {
	return call[Approval](ctx, c, "POST", "/v1/approvals/"+url.PathEscape(id), e)
}

// Delegations lists who answers in whose stead.
func (c *Client) Delegations(ctx context.Context) (*Delegations, error) {
	return call[Delegations](ctx, c, "GET", "/v1/delegations", nil)
}

// Delegate hands in a person's signed delegation, or what takes one back.
func (c *Client) Delegate(ctx context.Context, e *seal.Envelope) (*Delegation, error) {
	return call[Delegation](ctx, c, "POST", "/v1/delegations", e)
}

// Trust returns the public keys that the house says are its own.
func (c *Client) Trust(ctx context.Context) ([]byte, error) {
	return c.do(ctx, "GET", "/v1/trust", nil)
}

func call[T any](ctx context.Context, c *Client, method, path string, req any) (*T, error) {
	var body []byte
	if req != nil {
		var err error
		if body, err = seal.Marshal(req); err != nil {
			return nil, err
		}
	}
	b, err := c.do(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	return answer[T](b)
}

func answer[T any](b []byte) (*T, error) {
	out := new(T)
	if err := seal.Glance(b, out); err != nil {
		return nil, fmt.Errorf("the daemon's answer is not one: %w\nis this the address of a Clawea daemon, of this version?", err)
	}
	return out, nil
}

func (c *Client) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	var req *http.Request
	err := checkAddress(c.URL)
	if err == nil {
		req, err = http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+path, bytes.NewReader(body))
	}
	if err != nil {
		return nil, fmt.Errorf("the daemon's address is not one: %w\nwrite it like http://127.0.0.1:7433", unwrapURL(err))
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Token != nil {
		secret, err := c.Token()
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	hc := c.HTTP
	if hc == nil {
		hc = plain
	}
	res, err := hc.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the daemon does not answer: %w\nstart it with: clawea serve -config FILE", unwrapURL(err))
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("the daemon's answer broke off: %w\ntry again, and look into its log", err)
	}
	if len(b) > maxAnswer {
		return nil, fmt.Errorf("the daemon's answer is longer than %d bytes\nask for less", maxAnswer)
	}
	if res.StatusCode != http.StatusOK {
		return nil, problem(res, b)
	}
	return b, nil
}

// checkAddress says why no daemon can be at an address, or nothing.
func checkAddress(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return err
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("it does not begin with http:// or https://")
	case u.Host == "":
		return errors.New("it names no host")
	}
	return nil
}

// unwrapURL drops the method and URL that net/http puts before the cause.
func unwrapURL(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

func problem(res *http.Response, b []byte) error {
	p := new(Problem)
	if res.Header.Get("Content-Type") == "application/problem+json" && seal.Glance(b, p) == nil && p.Code != "" {
		return p
	}
	return fmt.Errorf("the daemon answered %s\nis this the address of a Clawea daemon?", res.Status)
}
