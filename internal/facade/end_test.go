// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package facade

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What a server has asked for and does not wait for has come to its end when its call
// has, and what it asks for later is refused.
func TestWhatIsAskedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made, read := 0, 0
		s, err := New("jira", &Call{
			Action: "issue.comment.create", Args: []byte(`{"issue_key":"ENG-1"}`),
			Perform: func() ([]byte, error) {
				time.Sleep(time.Second)
				made++
				return []byte(`{}`), nil
			},
			Read: func(string, []byte) ([]byte, error) { read++; return nil, errors.New("no") },
		})
		if err != nil {
			t.Fatal(err)
		}
		ask := func(method, path string) int {
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequest(method, "http://jira"+path, strings.NewReader("{}")))
			return w.Code
		}
		go ask("POST", jiraAPI+"/issue/ENG-1/comment")
		synctest.Wait()
		s.End()
		if made != 1 {
			t.Errorf("when the call had ended, the change was made %d times", made)
		}
		for _, x := range [][2]string{{"POST", jiraAPI + "/issue/ENG-1/comment"}, {"GET", jiraAPI + "/issue/ENG-1/comment"}} {
			if got := ask(x[0], x[1]); got != http.StatusForbidden {
				t.Errorf("%s after the end: %d", x[0], got)
			}
		}
		if made != 1 || read != 0 {
			t.Errorf("after the end: made %d times, read %d times", made, read)
		}
	})
}

func TestNothingBeginsAfterTheEnd(t *testing.T) {
	made := false
	s, err := New("jira", &Call{Action: "issue.comment.create", Args: []byte(`{"issue_key":"ENG-1"}`), Perform: func() ([]byte, error) { made = true; return []byte(`{}`), nil }})
	if err != nil {
		t.Fatal(err)
	}
	s.End()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("POST", "http://jira"+jiraAPI+"/issue/ENG-1/comment", strings.NewReader("{}")))
	if made || w.Code != http.StatusForbidden {
		t.Errorf("made %v, status %d", made, w.Code)
	}
}
