// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/seal"
)

// Current is what based_on_version of a call of action, with these other
// arguments, would have to be at this moment: the number of the page's version,
// or of the comment's for comment.delete. It is for callers whose tools have no
// word for versions: whoever uses it writes over what was written since he read.
// It reads that and nothing else, and tells nobody but its caller. Its errors are
// *gate.Fault, unless the caller hung up or the house cannot get at its own
// credential.
func (c *Connector) Current(ctx context.Context, action string, args []byte) (json.RawMessage, error) {
	o, ok := operation(action)
	based := slices.ContainsFunc(o.Args, func(a atlassian.Arg) bool { return a.Name == "based_on_version" })
	if !ok || !o.Offered || !based {
		return nil, fault("bad_argument", "%s.%s is based on no version; leave it away", name, action)
	}
	var given struct {
		PageID    string `json:"page_id"`
		CommentID string `json:"comment_id"`
	}
	if len(args) > maxArgs || seal.Glance(args, &given) != nil {
		return nil, fault("bad_argument", "the arguments are not right; see the tool's schema")
	}
	n, err := c.currentVersion(ctx, action, given.PageID, given.CommentID)
	if err != nil {
		return nil, err
	}
	return json.RawMessage(strconv.Itoa(n)), nil
}

func (c *Connector) currentVersion(ctx context.Context, action, pageID, commentID string) (int, error) {
	if action == actionCommentDelete {
		if !isID(commentID) {
			return 0, fault("bad_argument", "comment_id is not the id of a comment; write its digits as text, such as \"123456\"")
		}
		m, err := c.getComment(ctx, commentID)
		if err != nil {
			return 0, err
		}
		return m.Version.Number, nil
	}
	if err := checkID("page_id", pageID); err != nil {
		return 0, err
	}
	if action == actionUntrash {
		p, err := c.getTrashed(ctx, pageID)
		if err != nil {
			return 0, err
		}
		return p.Version.Number, nil
	}
	p, _, err := c.getPage(ctx, pageID, false)
	if err != nil {
		return 0, err
	}
	return p.Version.Number, nil
}
