// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"log/slog"
	"testing"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/datacenter"
	"github.com/clawea/clawea/internal/jira"
)

// Data Center is spoken to by a driver, and asked for no more than Cloud is.
func TestDeployment(t *testing.T) {
	for _, deployment := range []string{config.Cloud, config.DataCenter} {
		s := &config.Site{Site: "https://jira.acme.example/jira", Deployment: deployment, Read: &config.Account{}, Write: &config.Account{}}
		reach, err := newClients(s, jira.Operations(), datacenter.Jira, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if reach.read.IsCloud() != (deployment == config.Cloud) || reach.write.IsCloud() != reach.read.IsCloud() || reach.undo != nil {
			t.Errorf("%s: IsCloud is %v", deployment, reach.read.IsCloud())
		}
		_, err = reach.read.Do(t.Context(), &atlassian.Request{Method: "DELETE", Path: "/rest/api/3/issue/1"})
		if atlassian.Code(err) != atlassian.Invalid {
			t.Errorf("%s: a request that no operation makes: %v", deployment, err)
		}
	}
}
