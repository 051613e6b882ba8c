// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A File is what a download holds: somebody's upload, so anything at all.
type File struct {
	Body      []byte
	Type      string // the media type that the site or the uploader gave it, without parameters, or ""; not to be trusted
	RequestID string // the site's id of the request, or ""
	Account   string // the site's id of the account that asked, or ""
}

// Fetch downloads what r, a GET, leads to: at most most bytes, or it fails. Where
// the site redirects to a host of Config.MediaHosts, that is followed once, over
// https, without the credential or anything else of the first request; any other
// redirect is refused, and so is a host whose address is not a public one.
// Compressed answers are refused, for what they hold has no bound. Errors and
// tries are as of Do.
func (c *Client) Fetch(ctx context.Context, r *Request, most int64) (*File, error) {
	if r.Method != http.MethodGet || r.Body != nil {
		return nil, invalid("a download that is not a plain GET", nil)
	}
	if !c.known(r) {
		return nil, invalid("a request that no operation makes", nil)
	}
	r, err := c.Form(ctx, r)
	if err != nil {
		return nil, err
	}
	target, err := c.target(r)
	if err != nil {
		return nil, err
	}
	waited := new(patience)
	for try := 1; ; try++ {
		f, w, err := c.download(ctx, waited, r, target, most)
		if err == nil {
			return f, nil
		}
		wait, worth := waited.next(try, r, err, w)
		if !worth || ctx.Err() != nil || c.wait(ctx, waited, wait) != nil {
			return nil, err
		}
	}
}

// download asks the site, and then the host that it redirects to.
func (c *Client) download(ctx context.Context, waited *patience, r *Request, target string, most int64) (*File, wish, *Error) {
	done, fail := c.turn(ctx, waited, r)
	if fail != nil {
		return nil, wish{}, fail
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, c.timeout) // of both, and of every byte
	defer cancel()
	cred, fail := c.fetchCredential(ctx)
	if fail != nil {
		return nil, wish{}, fail
	}
	answer, fail := get(ctx, c.transport, target, cred.header)
	if fail != nil {
		return nil, wish{}, fail
	}
	defer answer.Body.Close()
	w := c.heed(r, answer)
	if e := c.acted(ctx, r, answer, cred); e != nil {
		return nil, wish{}, e
	}
	f := &File{RequestID: requestID(answer.Header), Account: accountOf(answer.Header)}
	if !isRedirect(answer.StatusCode) {
		return f, w, f.fill(answer, most)
	}
	where, reason := c.mediaURL(answer)
	if reason != "" {
		return nil, wish{}, &Error{Status: answer.StatusCode, Code: Upstream, Message: reason, RequestID: f.RequestID, Account: f.Account}
	}
	second, fail := get(ctx, c.media, where, "")
	if fail != nil {
		return nil, wish{}, fail
	}
	defer second.Body.Close()
	return f, wish{}, f.fill(second, most)
}

// get asks for an address. It sends nothing but what is said here.
func get(ctx context.Context, t http.RoundTripper, target, authorization string) (*http.Response, *Error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, invalid("not a request", nil)
	}
	req.Header.Set("Accept", "*/*")
	req.Header.Set("Accept-Encoding", "identity") // and the transport leaves bodies as they are
	req.Header.Set("User-Agent", "clawea")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	answer, err := t.RoundTrip(req)
	if forbidden := (*privateAddress)(nil); errors.As(err, &forbidden) {
		return nil, &Error{Code: Upstream, Message: "a redirect to an address that is not public"}
	}
	if err != nil {
		return nil, unanswered(ctx, err, false)
	}
	return answer, nil
}

func isRedirect(status int) bool { return status >= 300 && status <= 399 }

// fill reads the body of an answer that is to be the file itself.
func (f *File) fill(answer *http.Response, most int64) *Error {
	fail := func(code, message string) *Error {
		return &Error{Status: answer.StatusCode, Code: code, Message: message, RequestID: f.RequestID, Account: f.Account}
	}
	switch {
	case isRedirect(answer.StatusCode):
		return fail(Upstream, "a second redirect")
	case answer.StatusCode != http.StatusOK:
		return fail(codeOf(answer.StatusCode), "")
	case answer.Header.Get("Content-Encoding") != "" && !strings.EqualFold(answer.Header.Get("Content-Encoding"), "identity"), answer.Uncompressed:
		return fail(Upstream, "a compressed file")
	case answer.ContentLength > most:
		return fail(Upstream, "a file larger than allowed")
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, most+1))
	switch {
	case int64(len(body)) > most:
		return fail(Upstream, "a file larger than allowed")
	case err != nil:
		e := unanswered(answer.Request.Context(), err, false)
		e.Status, e.RequestID, e.Account = answer.StatusCode, f.RequestID, f.Account
		return e
	}
	f.Body = body
	if media, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err == nil {
		f.Type = Clean(media, 100)
	}
	return nil
}

// mediaURL is where answer redirects to, or the reason why nobody goes there.
func (c *Client) mediaURL(answer *http.Response) (where, reason string) {
	u, err := url.Parse(answer.Header.Get("Location"))
	switch {
	case answer.StatusCode == http.StatusNotModified || answer.StatusCode == http.StatusUseProxy || answer.StatusCode == http.StatusMultipleChoices:
		return "", "a redirect of a kind that is not followed"
	case err != nil || u.Opaque != "" || u.User != nil || u.Hostname() == "":
		return "", "a redirect that leads nowhere"
	case u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(c.base.Hostname()) && isLoopback(u.Hostname())):
		return "", "a redirect that leaves https"
	case !slices.Contains(c.mediaHosts, hostOf(u)):
		return "", "a redirect to a host that is not among media_hosts"
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String(), ""
}

// hostOf is the host of u in lower case, with its port if that is not the scheme's.
func hostOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	if u.Scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// parseHosts reads Config.MediaHosts.
func parseHosts(list []string) ([]string, error) {
	var out []string
	for _, h := range list {
		u, err := url.Parse("https://" + h)
		if err != nil || u.Host != h || u.Hostname() == "" || strings.Contains(h, "*") {
			return nil, fmt.Errorf("media host %q: not a host; write one like api.media.atlassian.com", Clean(h, 60))
		}
		out = append(out, hostOf(u))
	}
	return out, nil
}

// newMediaTransport is for hosts that an answer has named. It keeps to public
// addresses, whatever a name resolves to, which it can only know by dialling
// itself: it uses no proxy. With loopback, this machine counts as public: that is
// for a site that is this machine.
func newMediaTransport(loopback bool) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil || !isPublic(a.Addr()) && !(loopback && a.Addr().Unmap().IsLoopback()) {
			return &privateAddress{}
		}
		return nil
	}}
	t := newTransport()
	t.Proxy, t.DialContext, t.DisableCompression = nil, dialer.DialContext, true
	return t
}

// A privateAddress is the error of dialling what is not public.
type privateAddress struct{}

func (*privateAddress) Error() string { return "not a public address" }

// special are the addresses that are nobody's in particular, or that may lead to
// one that is not public (RFC 6890 and its registries).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

func isPublic(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsGlobalUnicast() && !a.IsPrivate() && !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}
