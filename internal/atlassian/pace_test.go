// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A script answers each request by a function of it, in the test's own process.
type script struct {
	mu     sync.Mutex
	t0     time.Time
	came   []string // "METHOD PATH at TIME"
	answer func(n int, r *http.Request) (int, http.Header)
	slow   time.Duration
	now    int // under way
	most   int
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.came = append(s.came, fmt.Sprintf("%s %s at %s", r.Method, r.URL.Path, time.Since(s.t0)))
	n := len(s.came)
	s.mu.Unlock()
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now--
	status, h := s.answer(n, r)
	if h == nil {
		h = http.Header{}
	}
	h.Set("Content-Type", "application/json")
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
}

// paced starts a client of a scripted site.
func paced(t *testing.T, answer func(n int, r *http.Request) (int, http.Header)) (*script, *Client) {
	s := &script{t0: time.Now(), answer: answer}
	return s, client(t, "https://example.atlassian.net", func(c *Config) { c.Transport = s })
}

// headers makes a header of names and values, in turn.
func headers(pairs ...string) http.Header {
	h := http.Header{}
	for p := range slices.Chunk(pairs, 2) {
		h.Set(p[0], p[1])
	}
	return h
}

func (s *script) check(t *testing.T, want ...string) {
	t.Helper()
	if fmt.Sprint(s.came) != fmt.Sprint(want) {
		t.Errorf("requests:\n%s\nwant:\n%s", strings.Join(s.came, "\n"), strings.Join(want, "\n"))
	}
}

// A budget that is spent is said at once, with the time when there is a new one,
// and until then nothing is sent at all.
func TestQuota(t *testing.T) {
	for _, reason := range []string{"jira-quota-global-based", "jira-quota-tenant-based"} {
		synctest.Test(t, func(t *testing.T) {
			s, c := paced(t, func(n int, _ *http.Request) (int, http.Header) {
				if n == 1 {
					return 429, headers("RateLimit-Reason", reason, "X-RateLimit-Reset", "2000-01-01T00:40Z")
				}
				return 200, nil
			})
			reset := s.t0.Add(40 * time.Minute)
			for range 3 {
				_, err := c.Do(t.Context(), &Request{Method: "GET", Path: "/x"})
				e := (*Error)(nil)
				if !errors.As(err, &e) || e.Code != RateLimited || !e.Until.Equal(reset) || e.Uncertain || !strings.Contains(e.Error(), "again after 2000-01-01T00:40:00Z") {
					t.Errorf("%s: got %v", reason, err)
				}
			}
			if len(s.came) != 1 || time.Since(s.t0) != 0 {
				t.Errorf("%s: %v after %v", reason, s.came, time.Since(s.t0))
			}
			time.Sleep(40 * time.Minute)
			if _, err := c.Do(t.Context(), &Request{Method: "POST", Path: "/x"}); err != nil {
				t.Errorf("%s: after the reset: %v", reason, err)
			}
		})
	}
}

// No header stops a client for longer than a budget's hour.
func TestQuotaIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := paced(t, func(n int, _ *http.Request) (int, http.Header) {
			if n == 1 {
				return 429, headers("RateLimit-Reason", "jira-quota-tenant-based", "Retry-After", "2147483647")
			}
			return 200, nil
		})
		_, _ = c.Do(t.Context(), &Request{Method: "GET", Path: "/x"})
		time.Sleep(maxQuota)
		if _, err := c.Do(t.Context(), &Request{Method: "GET", Path: "/x"}); err != nil || len(s.came) != 2 {
			t.Errorf("got %v", err)
		}
	})
}

// One issue that was written too often holds back writes of that issue, and
// nothing else.
func TestPerIssueLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := paced(t, func(n int, _ *http.Request) (int, http.Header) {
			if n == 1 {
				return 429, headers("RateLimit-Reason", "jira-per-issue-on-write", "Retry-After", "10")
			}
			return 200, nil
		})
		var wg sync.WaitGroup
		do := func(method, path string) {
			wg.Go(func() {
				if _, err := c.Do(t.Context(), &Request{Method: method, Path: path}); err != nil {
					t.Errorf("%s %s: %v", method, path, err)
				}
			})
			synctest.Wait()
			time.Sleep(time.Second)
		}
		do("PUT", "/rest/api/3/issue/ENG-1")
		do("GET", "/rest/api/3/issue/ENG-1")
		do("PUT", "/rest/api/3/issue/ENG-2")
		do("POST", "/rest/api/3/issue/ENG-1/comment")
		wg.Wait()
		slices.Sort(s.came[3:])
		s.check(t, "PUT /rest/api/3/issue/ENG-1 at 0s", "GET /rest/api/3/issue/ENG-1 at 1s", "PUT /rest/api/3/issue/ENG-2 at 2s",
			"POST /rest/api/3/issue/ENG-1/comment at 10s", "PUT /rest/api/3/issue/ENG-1 at 10s")
	})
}

// A burst holds back its endpoint, whatever the ids in it, and no other.
func TestBurstLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := paced(t, func(n int, _ *http.Request) (int, http.Header) {
			if n == 1 {
				return 429, headers("RateLimit-Reason", "jira-burst-based", "Retry-After", "3")
			}
			return 200, nil
		})
		var wg sync.WaitGroup
		for _, path := range []string{"/rest/api/3/issue/ENG-1", "/rest/api/3/issue/ENG-2", "/rest/api/3/field"} {
			wg.Go(func() {
				if _, err := c.Do(t.Context(), &Request{Method: "GET", Path: path}); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		slices.Sort(s.came[2:])
		s.check(t, "GET /rest/api/3/issue/ENG-1 at 0s", "GET /rest/api/3/field at 0s", "GET /rest/api/3/issue/ENG-1 at 3s", "GET /rest/api/3/issue/ENG-2 at 3s")
	})
}

// Near a limit, requests are spread over the time until its reset.
func TestNearLimit(t *testing.T) {
	tests := []struct {
		name string
		h    http.Header
		gap  time.Duration
	}{
		{"far", headers("X-RateLimit-Limit", "100", "X-RateLimit-Remaining", "11"), 0},
		{"by numbers", headers("X-RateLimit-Limit", "100", "X-RateLimit-Remaining", "9", "X-RateLimit-Reset", "2000-01-01T00:00:05Z"), 500 * time.Millisecond},
		{"by word", headers("X-RateLimit-NearLimit", "true", "X-RateLimit-Reset", "2000-01-01T00:00:05Z"), 500 * time.Millisecond},
		{"by word alone", headers("X-RateLimit-NearLimit", "true"), 100 * time.Millisecond},
		{"far off", headers("X-RateLimit-Limit", "100", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "2099-01-01T00:00:00Z"), maxGap},
		{"nonsense", headers("X-RateLimit-Limit", "-1", "X-RateLimit-Remaining", "x", "X-RateLimit-Reset", "soon"), 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, c := paced(t, func(n int, _ *http.Request) (int, http.Header) {
					if n == 1 {
						return 200, test.h.Clone()
					}
					return 200, nil
				})
				for range 4 {
					if _, err := c.Do(t.Context(), &Request{Method: "GET", Path: "/x"}); err != nil {
						t.Fatal(err)
					}
				}
				var want []string
				for i := range 4 {
					want = append(want, fmt.Sprint("GET /x at ", time.Duration(i)*test.gap))
				}
				s.check(t, want...)
				time.Sleep(maxSlow)
				before := time.Now()
				for range 10 {
					if _, err := c.Do(t.Context(), &Request{Method: "GET", Path: "/x"}); err != nil {
						t.Fatal(err)
					}
				}
				if d := time.Since(before); d != 0 {
					t.Errorf("still slow after a minute: %v", d)
				}
			})
		})
	}
}

func TestReset(t *testing.T) {
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-11-21T09:00:00Z":      now.Add(time.Hour),
		"2026-11-21T09:00Z":         now.Add(time.Hour),
		"2026-11-21T10:00:00+01:00": now.Add(time.Hour),
		"60":                        now.Add(time.Minute),
		"1795251600":                now.Add(time.Hour),
		"1795251600000":             now.Add(time.Hour),
		"":                          {}, "-1": {}, "tomorrow": {}, "99999999999999999999": {},
	} {
		if got := reset(headers("X-RateLimit-Reset", text), now); !got.Equal(want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

// No more requests are under way than that, and who waits for too long is told.
func TestConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := paced(t, func(int, *http.Request) (int, http.Header) { return 200, nil })
		s.slow = 10 * time.Second
		var wg sync.WaitGroup
		var limited, done int
		var mu sync.Mutex
		for range 40 {
			wg.Go(func() {
				_, err := c.Do(t.Context(), &Request{Method: "GET", Path: "/x"})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					done++
				case Code(err) == RateLimited && !IsUncertain(err):
					limited++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if s.most != Concurrency || len(s.came) != done || done < 3*Concurrency || done+limited != 40 {
			t.Errorf("%d at once, %d sent, %d done, %d turned away", s.most, len(s.came), done, limited)
		}
	})
}

// All waiting together is bounded, whatever the site wishes.
func TestPatienceIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := paced(t, func(n int, _ *http.Request) (int, http.Header) {
			return 429, headers("RateLimit-Reason", "jira-burst-based", "Retry-After", "14")
		})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				begun := time.Now()
				_, err := c.Do(t.Context(), &Request{Method: "GET", Path: "/rest/1"})
				if d := time.Since(begun); Code(err) != RateLimited || d > maxWait {
					t.Errorf("%v after %v", err, d)
				}
			})
		}
		wg.Wait()
		if len(s.came) > 60 {
			t.Errorf("%d requests", len(s.came))
		}
	})
}

func TestJitter(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		d := jitter(time.Second)
		if d < 0 || d > time.Second/4 {
			t.Fatalf("jitter of %v", d)
		}
		seen[d] = true
	}
	if len(seen) < 50 || jitter(0) != 0 {
		t.Errorf("%d different", len(seen))
	}
}

func TestAttemptsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s, c := paced(t, func(n int, _ *http.Request) (int, http.Header) {
			if n < 3 {
				return 429, nil
			}
			return 200, nil
		})
		c.log = slog.New(slog.NewTextHandler(&log, nil))
		if _, err := c.Do(t.Context(), &Request{Method: "PUT", Path: "/x"}); err != nil || len(s.came) != 3 {
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), "attempt=1") || !strings.Contains(log.String(), "attempt=2") || strings.Contains(log.String(), token) {
			t.Errorf("log:\n%s", &log)
		}
	})
}

func FuzzWish(f *testing.F) {
	f.Add("5", "jira-burst-based", "60", "100", "3", "true")
	f.Add("Sat, 01 Jan 2000 00:00:05 GMT", "jira-quota-tenant-based", "2026-11-21T09:00:00Z", "x", "-1", "")
	f.Fuzz(func(t *testing.T, after, reason, at, limit, left, near string) {
		now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
		h := headers("Retry-After", after, "RateLimit-Reason", reason, "X-RateLimit-Reset", at, "X-RateLimit-Limit", limit, "X-RateLimit-Remaining", left, "X-RateLimit-NearLimit", near)
		w := wishOf(h, now)
		if w.after < 0 || w.pause(1) < 0 {
			t.Fatalf("a wish for %v", w.after)
		}
		p := new(pacer)
		r := &Request{Method: "PUT", Path: "/rest/api/3/issue/ENG-1"}
		p.heed(now, r, 429, h, w, w.pause(1))
		if p.gap < 0 || p.gap > maxGap || p.slow.Sub(now) > maxSlow || p.spent.Sub(now) > maxQuota {
			t.Fatalf("%+v", p)
		}
		if wait, until, ok := p.turn(now, r, maxWait); ok && (wait < 0 || wait > maxWait) || !ok && !until.After(now) {
			t.Fatalf("wait %v, until %v, %v", wait, until, ok)
		}
	})
}
