// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"slices"
	"strconv"
	"sync"
	"time"
)

// Bounds of what is remembered of changes.
const (
	maxWritten  = 50 // issues of a job: as many as Jira takes
	maxWriters  = 1000
	writtenLife = 5 * time.Minute
)

// A writtenLog remembers which issues jobs changed a short time ago. Jira's index is
// late by seconds; of issues that a search names to it, it looks at what they are. The
// zero value remembers nothing. It is this process's own: it makes a search better, and
// nothing depends on it.
type writtenLog struct {
	mu    sync.Mutex
	byJob map[string][]writtenIssue // the latest last
}

type writtenIssue struct {
	id int64
	at time.Time
}

// note remembers issues, by id, that the job changed just now. What there is no room for
// drives out the rest.
func (l *writtenLog) note(job string, now time.Time, ids ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, list := range l.byJob {
		if list[len(list)-1].at.Add(writtenLife).Before(now) {
			delete(l.byJob, name)
		}
	}
	if l.byJob == nil || len(l.byJob) >= maxWriters && l.byJob[job] == nil {
		l.byJob = map[string][]writtenIssue{}
	}
	for _, text := range ids {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			continue
		}
		list := slices.DeleteFunc(l.byJob[job], func(w writtenIssue) bool { return w.id == id })
		list = append(list, writtenIssue{id, now})
		l.byJob[job] = list[max(len(list)-maxWritten, 0):]
	}
}

// recently returns the ids of issues that the job changed a short time ago, in order.
func (l *writtenLog) recently(job string, now time.Time) []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ids []int64
	for _, w := range l.byJob[job] {
		if !w.at.Add(writtenLife).Before(now) {
			ids = append(ids, w.id)
		}
	}
	slices.Sort(ids)
	return ids
}
