// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package facade

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/clawea/clawea/seal"
)

// elsewhere says that a write is not the one of this call.
const elsewhere = "this is not the change that was allowed"

// change makes the planned change, if the call is one of these actions and wanted,
// and reads its result.
func (c *wiki) change(w http.ResponseWriter, wanted bool, into any, actions ...string) bool {
	if !wanted || !slices.Contains(actions, c.stage.call.Action) {
		c.stage.refuse(w, http.StatusForbidden, elsewhere)
		return false
	}
	b, err := c.stage.perform()
	if err == nil {
		err = seal.Glance(b, into)
	}
	if err != nil {
		c.stage.fail(w, err)
		return false
	}
	return true
}

// changePage makes a change whose result is the page.
func (c *wiki) changePage(w http.ResponseWriter, wanted bool, actions ...string) *wikiPage {
	var done struct {
		Page seenPage `json:"page"`
	}
	if !c.change(w, wanted, &done, actions...) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = &done.Page
	return shownPage(c.made)
}

// received reads the body of a write strictly: what is not among the members of v
// could be a change of its own, such as another owner or a reply.
func received(r *http.Request, v any) bool {
	b, err := body(r)
	return err == nil && seal.Unmarshal(b, v) == nil
}

// A sentPage is a page in a request. Its texts are not looked at.
type sentPage struct {
	ID       string          `json:"id"`
	SpaceID  string          `json:"spaceId"`
	Status   string          `json:"status"`
	Title    string          `json:"title"`
	ParentID string          `json:"parentId"`
	Body     json.RawMessage `json:"body"`
	Version  json.RawMessage `json:"version"`
}

func (c *wiki) createPage(w http.ResponseWriter, r *http.Request) {
	var sent sentPage
	wanted := received(r, &sent) && sent.ID == "" && isID(sent.ParentID) && sent.ParentID == c.planned.ParentID && sent.Status != "draft"
	if p := c.changePage(w, wanted, "page.create"); p != nil {
		answer(w, http.StatusOK, p)
	}
}

func (c *wiki) updatePage(w http.ResponseWriter, r *http.Request) {
	var sent sentPage
	wanted := received(r, &sent) && sent.ID == r.PathValue("id") && c.is(sent.ID) && sent.ParentID == "" && sent.SpaceID == "" && sent.Status == current
	if p := c.changePage(w, wanted, "page.update", "page.edit"); p != nil {
		answer(w, http.StatusOK, p)
	}
}

func (c *wiki) deletePage(w http.ResponseWriter, r *http.Request) {
	var done struct{}
	if c.change(w, c.is(r.PathValue("id")), &done, "page.trash") {
		w.WriteHeader(http.StatusNoContent)
	}
}

func (c *wiki) createComment(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		PageID string          `json:"pageId"`
		Body   json.RawMessage `json:"body"`
	}
	var done struct {
		CommentID string `json:"comment_id"`
	}
	if c.change(w, received(r, &sent) && c.is(sent.PageID), &done, "page.comment.create") {
		answer(w, http.StatusCreated, comment{
			ID: done.CommentID, Status: current, PageID: sent.PageID, Version: version{Number: 1}, Body: map[string]represented{},
		})
	}
}

func (c *wiki) addLabel(w http.ResponseWriter, r *http.Request) {
	var sent []struct {
		Prefix string `json:"prefix"`
		Name   string `json:"name"`
	}
	wanted := received(r, &sent) && len(sent) == 1 && c.isLabel(r, sent[0].Name) && (sent[0].Prefix == global || sent[0].Prefix == "")
	var done seenLabels
	if !c.change(w, wanted, &done, "page.label.add") {
		return
	}
	out := labels{Results: []label{}, Limit: 200, Size: len(done.Labels)}
	for _, name := range done.Labels {
		out.Results = append(out.Results, label{ID: "0", Name: name, Prefix: global, Label: name}) // our result knows no ids
	}
	answer(w, http.StatusOK, out)
}

func (c *wiki) removeLabel(w http.ResponseWriter, r *http.Request) {
	var done struct{}
	if c.change(w, c.isLabel(r, r.URL.Query().Get("name")), &done, "page.label.remove") {
		w.WriteHeader(http.StatusNoContent)
	}
}

func (c *wiki) isLabel(r *http.Request, name string) bool {
	return c.is(r.PathValue("id")) && name != "" && name == c.planned.Label
}

func (c *wiki) movePage(w http.ResponseWriter, r *http.Request) {
	if p := c.changePage(w, c.isMove(r.PathValue("id"), r.PathValue("target")), "page.move"); p != nil {
		answer(w, http.StatusOK, map[string]string{"pageId": p.ID})
	}
}

func (c *wiki) isMove(id, target string) bool {
	return c.is(id) && isID(target) && target == c.planned.TargetID
}

// moveByGraphQL takes the one request of GraphQL that is known here: a server moves
// pages by it. Nothing of it is carried out, so that its query need not be read:
// its variables say whether it is for the page and the target of the call. All
// others are refused.
func (c *wiki) moveByGraphQL(w http.ResponseWriter, r *http.Request) {
	var sent []struct {
		OperationName string `json:"operationName"`
		Query         string `json:"query"`
		Variables     struct {
			Input struct {
				PageID   string `json:"pageId"`
				ParentID string `json:"parentId"`
			} `json:"input"`
		} `json:"variables"`
	}
	const move, field = "MovePageMutation", "movePageAppend"
	wanted := received(r, &sent) && len(sent) == 1 && sent[0].OperationName == move && strings.Contains(sent[0].Query, field) &&
		c.isMove(sent[0].Variables.Input.PageID, sent[0].Variables.Input.ParentID)
	if p := c.changePage(w, wanted, "page.move"); p != nil {
		answer(w, http.StatusOK, []any{map[string]any{"data": map[string]any{field: map[string]string{"movedPage": p.ID}}}})
	}
}
