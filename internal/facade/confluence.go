// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package facade

func (s *Stage) confluence() {}
