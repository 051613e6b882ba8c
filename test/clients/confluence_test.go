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

	"github.com/ctreminiom/go-atlassian/v2/confluence"
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

// older is go-atlassian's client for version 1 of Confluence's interface, as an
// account that may do all that there is.
func (s *site) older(t *testing.T) (*confluence.Client, string) {
	t.Helper()
	account := s.AddAccount(atlassian.Account{Email: "all@example.com", Token: "t", Name: "All", Scopes: append(wholeScopes(), "write:content:confluence"), Admin: true})
	c, err := confluence.New(nil, s.url)
	must(t, err)
	c.Auth.SetBasicAuth("all@example.com", "t")
	return c, account
}

// TestConfluenceV1 does what is left in version 1.
func TestConfluenceV1(t *testing.T) {
	t.Parallel()
	s := openSite(t)
	s.AddSpace("ENG", "Engineering")
	page := s.AddPage(atlassian.PageSeed{Space: "ENG", Title: "Restart", Body: "<p>1</p>"})
	other := s.AddPage(atlassian.PageSeed{Space: "ENG", Title: "Elsewhere"})
	s.EditPage(page, "", "<p>2</p>")
	c, account := s.older(t)

	labels, _, err := c.Content.Label.Add(t.Context(), page, []*models.ContentLabelPayloadScheme{{Prefix: "global", Name: "ops"}, {Prefix: "global", Name: "queue"}}, false)
	must(t, err)
	if len(labels.Results) != 2 {
		t.Errorf("got %+v", labels)
	}
	_, err = c.Content.Label.Remove(t.Context(), page, "ops")
	must(t, err)
	restored, _, err := c.Content.Version.Restore(t.Context(), page, &models.ContentRestorePayloadScheme{
		OperationKey: "restore", Params: &models.ContentRestoreParamsPayloadScheme{VersionNumber: 1, Message: "as it was"},
	}, nil)
	must(t, err)
	_, _, err = c.Content.ChildrenDescendant.Move(t.Context(), page, "append", other)
	must(t, err)
	may, _, err := c.Content.Permission.Check(t.Context(), page, &models.CheckPermissionScheme{
		Subject: &models.PermissionSubjectScheme{Type: "user", Identifier: account}, Operation: "update",
	})
	must(t, err)
	s.RestrictEdit(page, account)
	// Its Operation.Gets looks for a member operationType, where the specification has read and update.
	limits, _, err := c.Content.Restriction.Gets(t.Context(), page, nil, 0, 50)
	must(t, err)
	if !may.HasPermission || len(limits.Results) != 2 || limits.Results[1].Operation != "update" || len(limits.Results[1].Restrictions.User.Results) != 1 {
		t.Errorf("got %+v, %+v", may, limits)
	}
	found, _, err := c.Content.Search(t.Context(), "contributor = currentUser() AND label = queue", "", []string{"body.storage", "version", "ancestors"}, "", 10)
	must(t, err)
	if len(found.Results) != 1 || found.Results[0].Body.Storage.Value != "<p>1</p>" || found.Results[0].Version.Number != restored.Number || len(found.Results[0].Ancestors) != 2 {
		t.Errorf("got %+v", found)
	}
	left, _ := s.Page(page)
	if left.ParentID != other || !slices.Equal(left.Labels, []string{"queue"}) || left.Versions[2].Message != "as it was" || left.Versions[2].AuthorID != account {
		t.Errorf("left %+v", left)
	}
}

// TestConfluenceLegacy uses what Cloud sites have removed, and Data Center has.
// The specification does not know it any more.
func TestConfluenceLegacy(t *testing.T) {
	t.Parallel()
	s := openSiteWith(t, atlassian.Config{LegacyContent: true}, &tolerance{
		reason: "the interface is removed", fault: regexp.MustCompile(`/wiki/rest/api/content.*(no matching operation|not allowed)`),
	})
	s.AddSpace("ENG", "Engineering")
	c, account := s.older(t)
	text := func(value string) *models.BodyScheme {
		return &models.BodyScheme{Storage: &models.BodyNodeScheme{Value: value, Representation: "storage"}}
	}

	made, _, err := c.Content.Create(t.Context(), &models.ContentScheme{Type: "page", Title: "Restart", Space: &models.SpaceScheme{Key: "ENG"}, Body: text("<p>1</p>")})
	must(t, err)
	next := &models.ContentScheme{Type: "page", Title: "Restart", Body: text("<p>2</p>"), Version: &models.ContentVersionScheme{Number: 2, Message: "job 1"}}
	_, _, err = c.Content.Update(t.Context(), made.ID, next)
	must(t, err)
	_, resp, err := c.Content.Update(t.Context(), made.ID, next)
	wantStatus(t, resp, err, http.StatusConflict)
	got, _, err := c.Content.Get(t.Context(), made.ID, []string{"body.storage", "version", "ancestors"}, 0)
	must(t, err)
	if got.Body.Storage.Value != "<p>2</p>" || got.Version.Message != "job 1" || got.Version.By.AccountID != account || len(got.Ancestors) != 1 {
		t.Errorf("got %+v", got)
	}
	history, _, err := c.Content.History(t.Context(), made.ID, nil)
	must(t, err)
	if history.CreatedBy.AccountID != account || history.LastUpdated.Number != 2 {
		t.Errorf("got %+v", history)
	}
	_, err = c.Content.Delete(t.Context(), made.ID, "")
	must(t, err)
	if left, _ := s.Page(made.ID); left.Status != "trashed" {
		t.Errorf("left %+v", left)
	}
}
