// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"fmt"
	"log"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/clawea/clawea/verify"
)

func ExampleBundle() {
	files, err := txtar.ParseFile("../testdata/vectors/bundle-3.6-gate-lies.txtar")
	if err != nil {
		log.Fatal(err)
	}
	trust, err := verify.ParseTrust(part(files, "trust.json"))
	if err != nil {
		log.Fatal(err)
	}
	report := verify.Bundle(part(files, "bundle.json"), trust, verify.Expect{})
	fmt.Println("verified:", report.Verified())
	for _, f := range report.Findings {
		if f.Level == verify.Fail {
			fmt.Println(f.Code, "in receipt", f.Seq)
		}
	}
	// Output:
	// verified: false
	// receipt.decision in receipt 1
}
