// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"testing"

	"github.com/ctreminiom/go-atlassian/v2/pkg/infra/models"

	"github.com/clawea/clawea/internal/sim/atlassian"
)

func storage(value string) *models.PageBodyRepresentationScheme {
	return &models.PageBodyRepresentationScheme{Representation: "storage", Value: value}
}

func TestConfluencePages(t *testing.T) {
	t.Parallel()
	s := openSite(t)
	eng := s.AddSpace("ENG", "Engineering")
	c := s.confluence(t, siteToken)

	made, _, err := c.Page.Create(t.Context(), &models.PageCreatePayloadScheme{
		SpaceID: eng, Status: "current", Title: "Restart", ParentID: s.HomepageID("ENG"), Body: storage("<p>Wait.</p>"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if made.Title != "Restart" || made.SpaceID != eng || made.ParentID != s.HomepageID("ENG") || made.Version.Number != 1 || made.AuthorID != s.account {
		t.Errorf("made %+v", made)
	}
	id := number(t, made.ID)
	update := &models.PageUpdatePayloadScheme{
		ID: made.ID, Status: "current", Title: "Restart", Body: storage("<p>Wait longer.</p>"),
		Version: &models.PageUpdatePayloadVersionScheme{Number: 2, Message: "it was too short"},
	}
	changed, _, err := c.Page.Update(t.Context(), id, update)
	if err != nil {
		t.Fatal(err)
	}
	if changed.Version.Number != 2 {
		t.Errorf("changed %+v", changed)
	}
	_, resp, err := c.Page.Update(t.Context(), id, update) // its version is 2 already
	wantStatus(t, resp, err, http.StatusConflict)

	got, _, err := c.Page.Get(t.Context(), id, "storage", false, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got.Body.Storage.Value != "<p>Wait longer.</p>" || got.Version.Number != 2 || got.Version.Message != "it was too short" {
		t.Errorf("got %+v", got)
	}
	old, _, err := c.Page.Get(t.Context(), id, "storage", false, 1)
	if err != nil {
		t.Fatal(err)
	}
	if old.Body.Storage.Value != "<p>Wait.</p>" || old.Version.Number != 1 {
		t.Errorf("got version 1 as %+v", old)
	}

	if resp, err := c.Page.Delete(t.Context(), id); err != nil || resp.Code != http.StatusNoContent {
		t.Fatalf("delete: %v", err)
	}
	if left, ok := s.Page(made.ID); !ok || left.Status != "trashed" {
		t.Errorf("deleted, it is not in the trash: %+v", left)
	}
}

func TestConfluenceErrors(t *testing.T) {
	t.Parallel()
	s := openSite(t)
	eng := s.AddSpace("ENG", "Engineering")
	s.AddPage(atlassian.PageSeed{Space: "ENG", Title: "Runbooks", Body: "<p/>"})
	c := s.confluence(t, siteToken)

	_, resp, err := c.Page.Get(t.Context(), 99999, "storage", false, 0)
	wantStatus(t, resp, err, http.StatusNotFound)
	_, resp, err = c.Page.Create(t.Context(), &models.PageCreatePayloadScheme{SpaceID: eng, Status: "current", Title: "Runbooks", Body: storage("<p/>")})
	wantStatus(t, resp, err, http.StatusBadRequest) // the title is taken
	_, resp, err = c.Page.GetsBySpace(t.Context(), number(t, eng), "no-cursor-of-ours", 2)
	wantStatus(t, resp, err, http.StatusBadRequest)
	_, resp, err = s.confluence(t, "another").Page.Get(t.Context(), 1, "", false, 0)
	wantStatus(t, resp, err, http.StatusUnauthorized)
}

func TestConfluencePaging(t *testing.T) {
	t.Parallel()
	s := openSite(t)
	eng := s.AddSpace("ENG", "Engineering")
	s.AddSpace("OPS", "Operations")
	want := []string{s.HomepageID("ENG")}
	for i := range 4 {
		want = append(want, s.AddPage(atlassian.PageSeed{Space: "ENG", Title: fmt.Sprintf("Page %d", i), Body: "<p/>"}))
	}
	c := s.confluence(t, siteToken)
	byOptions := &models.PageOptionsScheme{SpaceIDs: []int{number(t, eng)}, Sort: "id", Status: []string{"current"}, BodyFormat: "storage"}
	for name, list := range map[string]func(cursor string) (*models.PageChunkScheme, *models.ResponseScheme, error){
		"of a space": func(cursor string) (*models.PageChunkScheme, *models.ResponseScheme, error) {
			return c.Page.GetsBySpace(t.Context(), number(t, eng), cursor, 2)
		},
		"by options": func(cursor string) (*models.PageChunkScheme, *models.ResponseScheme, error) {
			return c.Page.Gets(t.Context(), byOptions, cursor, 2)
		},
	} {
		var got []string
		cursor, chunks := "", 0
		for {
			chunk, _, err := list(cursor)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			chunks++
			for _, p := range chunk.Results {
				got = append(got, p.ID)
			}
			if cursor = cursorOf(t, chunk.Links.Next); cursor == "" || chunks > 5 {
				break
			}
		}
		if chunks != 3 || !slices.Equal(got, want) {
			t.Errorf("%s: got %q in %d chunks, want %q in 3", name, got, chunks, want)
		}
	}
}

// cursorOf takes the cursor out of a link to the next chunk; the client leaves
// that to its users.
func cursorOf(t *testing.T, next string) string {
	t.Helper()
	u, err := url.Parse(next)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("cursor")
}

func TestConfluenceSpaces(t *testing.T) {
	t.Parallel()
	s := openSite(t, &tolerance{
		reason: "Space.Bulk writes several ids with commas between them, where the specification has one key for each",
		fault:  regexp.MustCompile(`GET /wiki/api/v2/spaces\?ids=\d+%2C\d+&.* parameter "ids" in query has an error: path 0: value \d+,\d+: an invalid integer`),
	})
	eng := s.AddSpace("ENG", "Engineering")
	ops := s.AddSpace("OPS", "Operations")
	c := s.confluence(t, siteToken)

	for name, test := range map[string]struct {
		options *models.GetSpacesOptionSchemeV2
		want    []string
	}{
		"all":     {nil, []string{eng, ops}},
		"by key":  {&models.GetSpacesOptionSchemeV2{Keys: []string{"OPS"}}, []string{ops}},
		"by ids":  {&models.GetSpacesOptionSchemeV2{IDs: []string{eng, ops}, Sort: "-key"}, []string{ops, eng}},
		"no such": {&models.GetSpacesOptionSchemeV2{Keys: []string{"NONE"}, Status: "current"}, nil},
	} {
		chunk, _, err := c.Space.Bulk(t.Context(), test.options, "", 25)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		for _, space := range chunk.Results {
			got = append(got, space.ID)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	first, _, err := c.Space.Bulk(t.Context(), nil, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := c.Space.Bulk(t.Context(), nil, cursorOf(t, first.Links.Next), 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Results) != 1 || len(second.Results) != 1 || first.Results[0].Key != "ENG" || second.Results[0].Key != "OPS" || second.Links.Next != "" {
		t.Errorf("in chunks of one: got %+v, then %+v", first, second)
	}
	got, _, err := c.Space.Get(t.Context(), number(t, eng), "")
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != eng || got.Key != "ENG" || got.Name != "Engineering" || got.HomepageID != s.HomepageID("ENG") {
		t.Errorf("got %+v", got)
	}
}
