// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"context"
	"errors"
	"time"

	"github.com/clawea/clawea/token"
)

// firstLook makes sure that the token is good where the house is said to be:
// what is wrong with an address or a clock shows before there is anything to
// stop.
func (s *Sidecar) firstLook(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	st, err := s.house.look(ctx, s.keeper.now().Raw)
	if err != nil {
		return err
	}
	if !st.active {
		return &Revoked{inactive(st)}
	}
	return nil
}

// codeEnded is the code of a Revoked where the house did not say what it ended.
const codeEnded = "revoked"

// inactive is the code of a token that is not active though it has time left.
func inactive(st *standing) string {
	if ends(st.code) {
		return st.code
	}
	return codeEnded
}

// watch asks the house again and again whether the token is good, since a
// program that is thinking sends nothing. That the house is silent ends
// nothing: the token does.
func (s *Sidecar) watch() {
	every := time.NewTicker(s.every)
	defer every.Stop()
	silent := false
	for {
		select {
		case <-s.life.Done():
			return
		case <-every.C:
		}
		err := s.watchOnce()
		if s.life.Err() != nil {
			return
		}
		if err != nil && !silent {
			s.log.WarnContext(s.life, "the house does not say whether the token is good", "error", err)
		}
		silent = err != nil
	}
}

// watchOnce asks once, and stops the sidecar if the answer says so.
func (s *Sidecar) watchOnce() error {
	ctx, cancel := context.WithTimeout(s.life, lookTime)
	defer cancel()
	held := s.keeper.now()
	st, err := s.house.look(ctx, held.Raw)
	var told *OrderError
	switch {
	case errors.As(err, &told) && ends(told.Code):
		s.stop(&Revoked{told.Code})
		return nil
	case errors.As(err, &told) && told.Code == token.Code(token.ErrExpired):
		s.keeper.hurry()
		return nil
	case err != nil || st.active:
		return err
	case held.passed(time.Now()) && !ends(st.code):
		s.keeper.hurry()
		return nil
	}
	s.stop(&Revoked{inactive(st)})
	return nil
}
