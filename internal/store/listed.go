// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A where collects the conditions of a query, with the values that they hold.
type where struct {
	list []string
	args []any
}

// and adds a condition; each ? in it is one of the values.
func (w *where) and(condition string, values ...any) {
	for _, v := range values {
		w.args = append(w.args, v)
		condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(w.args)), 1)
	}
	w.list = append(w.list, condition)
}

// text is the condition that all of w's are, and ends with what is left of the
// query.
func (w *where) text(rest string, limit int) string {
	w.args = append(w.args, limit)
	return ` WHERE ` + strings.Join(w.list, ` AND `) + rest + fmt.Sprintf(` LIMIT $%d`, len(w.args))
}

// between bounds a column of milliseconds: from is in, to is not. Zero times
// bound nothing.
func (w *where) between(column string, from, to time.Time) {
	if !from.IsZero() {
		w.and(column+` >= ?`, from.UnixMilli())
	}
	if !to.IsZero() {
		w.and(column+` < ?`, to.UnixMilli())
	}
}

// A Spot is a place in a list of jobs or of listed calls, the newest first. The
// zero Spot is before the first.
type Spot struct {
	At time.Time
	ID string // a job's, or a number
}

// A Search selects listed calls. What is zero selects all.
type Search struct {
	Job      string
	Agent    string
	Action   string // "confluence.page.get", or "revoked" and "restored"
	Effect   string // "allow", "ask", "deny", EffectRefused or EffectOrder
	Outcome  string // a receipt.Status
	Code     string // of an outcome, or of a refusal
	Resource string // an id that the call names, or one of a place that holds it
	From, To time.Time
	Before   *ListedSpot
	Limit    int // zero means 100
}

// A ListedSpot is a place among the listed calls.
type ListedSpot struct {
	At time.Time
	ID int64
}

// A Listed is a call as it was listed. It helps to find its receipts, which
// alone are evidence.
type Listed struct {
	ListedSpot
	Job     string
	Seq     uint64
	Agent   string
	Action  string
	Effect  string
	Outcome string // a receipt.Status; "": nobody has said what became of it
	Code    string
	Closed  uint64 // the receipt that says the outcome; zero: none
}

func readListedRow(scan scanner) (l Listed, err error) {
	var seq, closed int64
	err = scan(&l.ID, (*instant)(&l.At), &l.Job, &seq, &l.Agent, &l.Action, &l.Effect, &l.Outcome, &l.Code, &closed)
	l.Seq, l.Closed = uint64(seq), uint64(closed)
	return l, err
}

// Find returns the calls that s selects, the newest first.
func (db *DB) Find(ctx context.Context, s *Search) ([]Listed, error) {
	query, args := s.query()
	list, err := all(ctx, db.read, readListedRow, query, args...)
	return list, wrap("search receipts", err)
}

func (s *Search) query() (string, []any) {
	const columns = `SELECT l.id, l.at, l.job, l.seq, l.agent, l.action, l.effect, l.outcome, l.code, l.closed FROM `
	w, from, order := new(where), `listing l`, `l`
	if s.Resource != "" {
		from, order = `listing_resource r JOIN listing l ON l.id = r.id`, `r`
		w.and(`r.resource = ?`, s.Resource)
	}
	if s.Before != nil {
		w.and(`(`+order+`.at, `+order+`.id) < (?, ?)`, s.Before.At.UnixMilli(), s.Before.ID)
	}
	for _, is := range []struct{ column, value string }{
		{`l.job`, s.Job}, {`l.agent`, s.Agent}, {`l.action`, s.Action}, {`l.effect`, s.Effect}, {`l.outcome`, s.Outcome}, {`l.code`, s.Code},
	} {
		if is.value != "" {
			w.and(is.column+` = ?`, is.value)
		}
	}
	w.between(order+`.at`, s.From, s.To)
	w.and(order+`.at >= ?`, int64(-1)) // so that there is a condition
	return columns + from + w.text(` ORDER BY `+order+`.at DESC, `+order+`.id DESC`, bounded(s.Limit)), w.args
}

// A Standing is what a job is doing.
type Standing string

// The standings. A job has the first that is true of it.
const (
	JobRevoked Standing = "revoked" // it was stopped, for good
	JobWaiting Standing = "waiting" // for a person
	JobLive    Standing = "live"    // it has a token that is good
	JobOver    Standing = "over"    // none of these: it can go on with a new token
)

// A JobSearch selects jobs. What is zero selects all.
type JobSearch struct {
	Agent    string
	Policy   string // a hash
	Standing Standing
	From, To time.Time // of their creation
	Before   *Spot
	Limit    int // zero means 100
}

// A ListedJob is a job, and what it is doing. Of Used it has no executions.
type ListedJob struct {
	Job
	Standing Standing
	Last     time.Time // of its last receipt; zero: it has none
}

// FindJobs returns the jobs that s selects, the newest first, without the house's
// own.
func (db *DB) FindJobs(ctx context.Context, s *JobSearch) ([]ListedJob, error) {
	query, args := s.query(db.now())
	list, err := all(ctx, db.read, readListedJob, query, args...)
	return list, wrap("search jobs", err)
}

// What is true of a job j at ?, as SQL: its questions and tokens are in tables of
// their own.
const (
	isRevoked = `EXISTS (SELECT 1 FROM revocation v WHERE v.restored = 0 AND v.concerns = 'job ' || j.id AND v.kind = 'job')`
	isWaiting = `EXISTS (SELECT 1 FROM approval a WHERE a.job = j.id AND a.reply = '' AND a.cancelled = 0 AND a.expires > ?)`
	isLive    = `EXISTS (SELECT 1 FROM token t WHERE t.job = j.id AND t.expires > ?)`

	areRevoked = `j.id IN (SELECT v.target FROM revocation v WHERE v.restored = 0 AND v.kind = 'job')`
	areWaiting = `j.id IN (SELECT a.job FROM approval a WHERE a.asked > ? AND a.reply = '' AND a.cancelled = 0 AND a.expires > ?)`
	areLive    = `j.id IN (SELECT t.job FROM token t WHERE t.expires > ?)`
)

func (s *JobSearch) query(now time.Time) (string, []any) {
	w, ms := new(where), now.UnixMilli()
	if s.Before != nil {
		w.and(`(j.created, j.id) < (?, ?)`, s.Before.At.UnixMilli(), s.Before.ID)
	}
	if s.Agent != "" {
		w.and(`j.agent = ?`, s.Agent)
	}
	if s.Policy != "" {
		w.and(`j.policy = ?`, s.Policy)
	}
	w.between(`j.created`, s.From, s.To)
	switch s.Standing {
	case "":
	case JobRevoked:
		w.and(areRevoked)
	case JobWaiting:
		w.and(areWaiting, now.Add(-QuestionLife).UnixMilli()-1, ms)
		w.and(`NOT ` + isRevoked)
	case JobLive:
		w.and(areLive, ms)
		w.and(`NOT `+isWaiting, ms)
		w.and(`NOT ` + isRevoked)
	default:
		w.and(`NOT `+isLive, ms)
		w.and(`NOT `+isWaiting, ms)
		w.and(`NOT ` + isRevoked)
	}
	w.and(`j.id <> ?`, receipt.Journal)
	rest := w.text(` ORDER BY j.created DESC, j.id DESC`, bounded(s.Limit))
	standing := fmt.Sprintf(`CASE WHEN %s THEN 'revoked' WHEN %s THEN 'waiting' WHEN %s THEN 'live' ELSE 'over' END`,
		isRevoked, numbered(isWaiting, len(w.args)+1), numbered(isLive, len(w.args)+2))
	w.args = append(w.args, ms, ms)
	return `SELECT j.id, j.agent, j.policy, j.client, j.created, c.seq, c.used, c.at, ` + standing + ` FROM job j JOIN chain c ON c.job = j.id` + rest, w.args
}

func numbered(condition string, n int) string {
	return strings.Replace(condition, "?", fmt.Sprintf("$%d", n), 1)
}

func readListedJob(scan scanner) (j ListedJob, err error) {
	var used string
	var last time.Time
	err = scan(&j.ID, &j.Agent, (*digest)(&j.Policy), &j.Client, (*instant)(&j.Created), &j.Receipts, &used, (*instant)(&last), &j.Standing)
	if at := since(last); at != nil {
		j.Last = *at
	}
	if err == nil {
		err = seal.Unmarshal([]byte(used), &j.Used)
	}
	return j, err
}

// An Agent is one that has or had a job.
type Agent struct {
	Name string
	Jobs int
	Last time.Time // when its newest job was made
}

// Agents returns up to limit agents behind after, by name, without the house.
func (db *DB) Agents(ctx context.Context, after string, limit int) ([]Agent, error) {
	list, err := all(ctx, db.read, readAgent, agentsQuery, after, bounded(limit))
	return list, wrap("list agents", err)
}

// The names are found one by one, in an index: there are few, and many jobs.
const agentsQuery = `
	WITH RECURSIVE name(agent, n) AS (
		SELECT (SELECT MIN(agent) FROM job WHERE agent > $1), 1
		UNION ALL
		SELECT (SELECT MIN(j.agent) FROM job j WHERE j.agent > name.agent), n + 1 FROM name WHERE name.agent IS NOT NULL AND n <= $2
	)
	SELECT agent, (SELECT COUNT(*) FROM job j WHERE j.agent = name.agent), (SELECT MAX(created) FROM job j WHERE j.agent = name.agent)
	FROM name WHERE agent IS NOT NULL AND agent <> 'house' ORDER BY agent LIMIT $2`

func readAgent(scan scanner) (a Agent, err error) {
	err = scan(&a.Name, &a.Jobs, (*instant)(&a.Last))
	return a, err
}

// A Tally is how much of something there was in an hour: an effect of calls, a
// status of outcomes, or a Tally... name.
type Tally struct {
	Hour time.Time
	Name string
	N    int64
}

// Tallies returns what was counted from an hour on, in the order of the hours.
func (db *DB) Tallies(ctx context.Context, from time.Time) ([]Tally, error) {
	list, err := all(ctx, db.read, readTally, `SELECT hour, name, n FROM tally WHERE hour >= $1 ORDER BY hour, name`, from.UnixMilli()/hourOf)
	return list, wrap("read tallies", err)
}

func readTally(scan scanner) (t Tally, err error) {
	var hour int64
	err = scan(&hour, &t.Name, &t.N)
	t.Hour = time.UnixMilli(hour * hourOf).UTC()
	return t, err
}

// An Answered is a person's answer that a decision saw.
type Answered struct {
	Approval string
	By       string
	Yes      bool
	Asked    time.Time
	At       time.Time
}

// AnsweredSince returns up to limit answers that were given since from, the
// newest first.
func (db *DB) AnsweredSince(ctx context.Context, from time.Time, limit int) ([]Answered, error) {
	list, err := all(ctx, db.read, readAnswered, `SELECT approval, by_whom, yes, asked, at FROM answered WHERE at >= $1 ORDER BY at DESC, approval LIMIT $2`,
		from.UnixMilli(), bounded(limit))
	return list, wrap("list answers", err)
}

func readAnswered(scan scanner) (a Answered, err error) {
	var yes int64
	err = scan(&a.Approval, &a.By, &yes, (*instant)(&a.Asked), (*instant)(&a.At))
	a.Yes = yes == 1
	return a, err
}
