// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"os"
	"strings"
	"testing"
	"time"

	extauthz "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"sigs.k8s.io/yaml"
)

// documented is the indented block after a heading of a page.
func documented(t *testing.T, page, heading string) string {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(b), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no %q", page, heading)
	}
	var block strings.Builder
	for line := range strings.Lines(rest) {
		if code, ok := strings.CutPrefix(line, "    "); ok {
			block.WriteString(code)
		} else if block.Len() > 0 {
			break
		}
	}
	return block.String()
}

// What the documentation has people put into Envoy's configuration is what Envoy's
// own API definitions take, and it fails closed.
func TestEnvoyTakesTheDocumentedConfiguration(t *testing.T) {
	asJSON, err := yaml.YAMLToJSONStrict([]byte(documented(t, "../../docs/seam.md", "## Envoy")))
	if err != nil {
		t.Fatal(err)
	}
	var manager hcm.HttpConnectionManager
	if err := protojson.Unmarshal(asJSON, &manager); err != nil { // it refuses names and types that Envoy does not know
		t.Fatal(err)
	}
	if !manager.NormalizePath.GetValue() || !manager.MergeSlashes || manager.PathWithEscapedSlashesAction != hcm.HttpConnectionManager_REJECT_REQUEST {
		t.Error("paths have other forms than the house's routes")
	}
	if len(manager.HttpFilters) != 2 {
		t.Fatalf("%d filters, want the one that asks and the router", len(manager.HttpFilters))
	}
	for _, f := range manager.HttpFilters {
		m, err := f.GetTypedConfig().UnmarshalNew()
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if err := m.(interface{ ValidateAll() error }).ValidateAll(); err != nil {
			t.Errorf("%s does not hold to its own rules: %v", f.Name, err)
		}
	}
	asks := new(extauthz.ExtAuthz)
	if err := manager.HttpFilters[0].GetTypedConfig().UnmarshalTo(asks); err != nil {
		t.Fatal(err)
	}
	switch s := asks.GetHttpService(); {
	case asks.FailureModeAllow:
		t.Error("everything passes when the house is down")
	case asks.GetWithRequestBody().GetMaxRequestBytes() == 0 || asks.GetWithRequestBody().GetAllowPartialMessage():
		t.Error("the house would decide on less than the whole body")
	case s.GetPathPrefix() != "/ext_authz" || s.GetServerUri().GetTimeout().AsDuration() < time.Second:
		t.Errorf("the house is asked at %q, for %v", s.GetPathPrefix(), s.GetServerUri().GetTimeout().AsDuration())
	}
}
