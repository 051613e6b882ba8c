// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package clawea is the tour of the house. It holds no code.
//
// Clawea lets AI agents act on enterprise systems only under a signed,
// hash-addressed policy, with a token that is good for one job, and leaves
// evidence that an outsider verifies offline. There is one way through it:
//
//	request -> authenticate -> resolve into policy terms -> decide -> [ask a person]
//	        -> commit an opened receipt -> act once -> commit a closed receipt -> ledger
//
// Read it from the bottom up. A package imports only what is on lower floors;
// house_test.go holds the plan and checks it.
//
// # What auditors import
//
// Six packages are public and pure: they do no input or output, and time and
// randomness come in as arguments.
//
//   - [github.com/clawea/clawea/seal] names bytes by hash, reads and writes the
//     one JSON form that is signed, and signs it.
//   - [github.com/clawea/clawea/policy] reads a WPC and decides calls by it.
//     Decide is the heart of the house: a pure, total function.
//   - [github.com/clawea/clawea/token] is the CST: claims, scope hash, minting,
//     checking; proofs that its bearer holds a key; what revokes it.
//   - [github.com/clawea/clawea/receipt] is what a job leaves behind: opened and
//     closed receipts in a chain, and people's signed answers.
//   - [github.com/clawea/clawea/bundle] is the one file that proves a job.
//   - [github.com/clawea/clawea/verify] judges a bundle by the keys that the
//     auditor brings, and decides every call again.
//
// # What the daemon is made of
//
// Next to nothing on a floor knows its neighbours.
//
//   - internal/store keeps everything, in SQLite or PostgreSQL; internal/keys
//     holds the house's keys; internal/ledger follows the database into a
//     transparency log; internal/config reads the one file; internal/query parses
//     and bounds users' JQL and CQL; internal/atlassian is a careful REST
//     transport and the form of the connectors' tables; internal/datacenter
//     translates for it; internal/page edits pages block by block; internal/change
//     is what connectors say of changes afterwards; internal/api is the wire form of /v1.
//   - internal/registry publishes policies and re-verifies them on every read, and keeps drafts while
//     people sign them;
//     internal/issuer mints and checks tokens; internal/revocation ends what they
//     stand on, and cuts what is under way; internal/approval brings people's
//     answers in; internal/proof puts bundles together, and keeps what programs
//     say of themselves; internal/oauth lets stock
//     OAuth clients order tokens; internal/sidecar holds a token and its key for
//     an agent that is to have neither; internal/hold lets requests wait for people; internal/undo looks what became of changes,
//     how they are taken back, and what no receipt explains.
//   - internal/gate is the one way through: a few screens, and the only caller of
//     an act.
//   - internal/proxy carries model calls, internal/tools carries MCP tool calls,
//     internal/confluence and internal/jira put calls into policy terms and carry
//     them out.
//   - internal/openclaw makes OpenClaw's configuration from a policy, and says in what one
//     has drifted; integrations/openclaw is what goes into OpenClaw.
//   - internal/server is the route table; internal/daemon builds it all from the
//     configuration; cmd/clawea is the command line.
//
// internal/sim is a simulated Atlassian site and model provider, for tests and
// the demo, held to the published API descriptions. test/clients, a module of
// its own, drives the house with other people's clients.
//
// Tests begin with internal/housetest (keys, policies, a log), internal/store/storetest (a
// store) and internal/gate/gatetest (a gate, and all that is behind one);
// internal/npmtest finds Node for them.
//
// The papers are defined in spec/, with numbered clauses; testdata/vectors
// holds a case for each that others can run.
package clawea
