// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import "slices"

// An Axis is one of the three questions that a bundle answers. They are
// answered apart: a file can be whole and signed by nobody you trust.
type Axis string

// The axes.
const (
	Integrity    Axis = "integrity"    // does it all fit together, to the bit and to the decision
	Trusted      Axis = "trust"        // is it said by those whom the auditor trusts
	Completeness Axis = "completeness" // is anything missing
)

// A Code names a kind of finding. Codes are stable: programs may depend on them.
type Code string

// The codes of findings.
const (
	bundleMalformed Code = "bundle.malformed"
	bundleJob       Code = "bundle.job"
	bundleDuplicate Code = "bundle.duplicate"
	bundleUnused    Code = "bundle.unused"

	trustMalformed Code = "trust.malformed"
	trustShared    Code = "trust.shared"

	policySignature   Code = "policy.signature"
	policyMalformed   Code = "policy.malformed"
	policyBinding     Code = "policy.binding"
	policyEnvironment Code = "policy.environment"
	policyApprovals   Code = "policy.approvals"
	policySelf        Code = "policy.self"
	policyExpiry      Code = "policy.expiry"
	policyEmergency   Code = "policy.emergency"
	policyReceipts    Code = "policy.receipts"
	policyBundle      Code = "policy.bundle"
	bindingSignature  Code = "binding.signature"

	tokenSignature Code = "token.signature"
	tokenMalformed Code = "token.malformed"
	tokenAudience  Code = "token.audience"
	tokenJob       Code = "token.job"
	tokenFit       Code = "token.fit"
	tokenShared    Code = "token.shared"

	tokenAttestation     Code = "token.attestation"
	attestationSignature Code = "attestation.signature"
	attestationMalformed Code = "attestation.malformed"
	attestationUnused    Code = "attestation.unused"

	traceSignature   Code = "trace.signature"
	traceMalformed   Code = "trace.malformed"
	traceAttestation Code = "trace.attestation"
	traceUnreceipted Code = "trace.unreceipted"
	traceUntold      Code = "trace.untold"
	traceMissing     Code = "trace.missing"

	receiptSignature  Code = "receipt.signature"
	receiptMalformed  Code = "receipt.malformed"
	receiptChain      Code = "receipt.chain"
	receiptTime       Code = "receipt.time"
	receiptToken      Code = "receipt.token"
	receiptPolicy     Code = "receipt.policy"
	receiptDecision   Code = "receipt.decision"
	receiptMinimal    Code = "receipt.minimal"
	receiptFacts      Code = "receipt.facts"
	receiptCounters   Code = "receipt.counters"
	receiptConditions Code = "receipt.conditions"
	receiptApproval   Code = "receipt.approval"
	receiptReused     Code = "receipt.reused"
	receiptAsks       Code = "receipt.asks"
	receiptRefused    Code = "receipt.refused"
	receiptClosed     Code = "receipt.closed"
	receiptOutcome    Code = "receipt.outcome"
	receiptSettled    Code = "receipt.settled"
	receiptUnclosed   Code = "receipt.unclosed"
	receiptUnknown    Code = "receipt.unknown"
	receiptRevoked    Code = "receipt.revoked"
	receiptRepeated   Code = "receipt.repeated"
	receiptChange     Code = "receipt.change"
	receiptLearned    Code = "receipt.learned"
	receiptReported   Code = "receipt.reported"
	receiptSandbox    Code = "receipt.sandbox"

	answerSignature Code = "answer.signature"
	answerRevoked   Code = "answer.revoked"
	answerMalformed Code = "answer.malformed"
	answerUnasked   Code = "answer.unasked"
	answerOwn       Code = "answer.own"
	answerGroups    Code = "answer.groups"
	answerUngrouped Code = "answer.ungrouped"
	answerShown     Code = "answer.shown"
	answerLate      Code = "answer.late"
	answerUnheard   Code = "answer.unheard"
	answerUnused    Code = "answer.unused"

	answerDelegation    Code = "answer.delegation"
	delegationSignature Code = "delegation.signature"
	delegationMalformed Code = "delegation.malformed"

	disclosureCommitment Code = "disclosure.commitment"
	disclosureUnknown    Code = "disclosure.unknown"
	disclosureSize       Code = "disclosure.size"

	shadowVerdict  Code = "shadow.verdict"
	shadowUnproven Code = "shadow.unproven"

	standingMissing   Code = "standing.missing"
	standingSignature Code = "standing.signature"
	standingMalformed Code = "standing.malformed"
	standingEnd       Code = "standing.end"

	logSignature Code = "log.signature"
	logMalformed Code = "log.malformed"
	logOrigin    Code = "log.origin"
	logProof     Code = "log.proof"
	logGap       Code = "log.gap"
	logMissing   Code = "log.missing"

	expectPolicy Code = "expect.policy"
	expectJob    Code = "expect.job"
	expectTime   Code = "expect.time"
)

// A Row explains a code: which axis it is on, the level of its findings where
// something is amiss, and in one line what is checked.
type Row struct {
	Code  Code
	Axis  Axis
	Level Level
	Says  string
}

// Codes returns the table of codes, which is also in spec/bundle.md section 4.
func Codes() []Row { return slices.Clone(rows[:]) }

var rows = [...]Row{
	{bundleMalformed, Integrity, Fail, "the file reads as a bundle and is, to the bit, in its one form"},
	{bundleJob, Integrity, Fail, "standing, answers and traces are about the bundle's job"},
	{bundleDuplicate, Integrity, Fail, "nothing is in the file twice"},
	{bundleUnused, Integrity, Fail, "nothing is in the file that no receipt explains"},
	{trustMalformed, Trusted, Fail, "the trust file names a house and readable keys"},
	{trustShared, Trusted, Warn, "no key is trusted as two of a gate's, a person's and a launcher's: it could approve, or attest to, what is its own"},
	{policySignature, Trusted, Fail, "each policy is signed by an author whom you trust, and by nobody whom you do not"},
	{policyMalformed, Integrity, Fail, "each policy and binding parses, in canonical form"},
	{policyBinding, Integrity, Fail, "each binding binds exactly the names of its policy"},
	{policyEnvironment, Trusted, Fail, "each policy is for an environment of the house, or for none where the house has none"},
	{policyApprovals, Trusted, Fail, "each policy is approved by as many as its environment, or an emergency, needs"},
	{policySelf, Trusted, Fail, "no policy counts on an author's own approval"},
	{policyExpiry, Trusted, Fail, "each policy for an emergency is of a house that has those, and ends as soon as it has to"},
	{policyEmergency, Trusted, Warn, "no call was under a policy for an emergency"},
	{policyReceipts, Completeness, Fail, "where a policy requires receipts, the chain has them all"},
	{policyBundle, Completeness, Fail, "where a policy requires a whole proof bundle, every receipt is proven to be in the log, the gate says where the chain ended, and no change is left open"},
	{bindingSignature, Trusted, Fail, "each binding is signed by a registry that you trust"},
	{tokenSignature, Trusted, Fail, "each token's record is signed by an issuer that you trust"},
	{tokenMalformed, Integrity, Fail, "each token's record parses, in canonical form"},
	{tokenAudience, Trusted, Fail, "each token that was accepted is for your house"},
	{tokenJob, Integrity, Fail, "each token is for the bundle's job and no other"},
	{tokenFit, Integrity, Fail, "each token that was accepted fits its policy: pin, lifetime, grant and recomputed scope hash, and a key where it wants one"},
	{tokenShared, Integrity, Fail, "no token is in the bundles of two jobs, where several are verified together"},
	{tokenAttestation, Integrity, Fail, "each token that stands on an attestation has it in the bundle, says the same of the runtime, and is for the same job, agent and policy, in its time; what was loaded is what the policy was published with"},
	{attestationSignature, Trusted, Fail, "each attestation is signed by the launcher it names, whom you trust"},
	{attestationMalformed, Integrity, Fail, "each attestation parses, in canonical form"},
	{attestationUnused, Integrity, Warn, "on each attestation a token stands, or a trace"},
	{receiptSignature, Trusted, Fail, "each receipt is signed by a gate that you trust"},
	{receiptMalformed, Integrity, Fail, "each receipt parses, in canonical form"},
	{receiptChain, Integrity, Fail, "receipts count from 1, each names the one before by hash, all of one job"},
	{receiptTime, Integrity, Fail, "times never run backwards"},
	{receiptToken, Integrity, Fail, "each receipt's token is in the bundle and was valid at that time"},
	{receiptPolicy, Integrity, Fail, "each decision's policy and binding are in the bundle"},
	{receiptDecision, Integrity, Fail, "each decision, made again from policy, token, call and facts, comes out the same"},
	{receiptMinimal, Integrity, Fail, "each recorded call keeps no name that its policy does not say"},
	{receiptFacts, Integrity, Fail, "each decision's time, runtime and repeats are the receipt's, the token's and the chain's"},
	{receiptCounters, Integrity, Fail, "each decision's counters are what the receipts before it add up to"},
	{receiptConditions, Integrity, Fail, "each decision's conditions are its policy's, and true to the text where that is disclosed"},
	{receiptApproval, Integrity, Fail, "each approval that a decision saw is a person's signed answer, asked for before, to this exact call, in its time"},
	{receiptReused, Integrity, Fail, "no yes is used more often than it says: once, if it says nothing"},
	{receiptAsks, Integrity, Fail, "a call that waits names its question, a question is about one call, and no other receipt asks"},
	{receiptRefused, Integrity, Fail, "each refusal for a token's sake is borne out by the token"},
	{receiptClosed, Integrity, Fail, "each closing receipt closes one allowed call of the same token, once, and is the word of who carried it out"},
	{receiptOutcome, Integrity, Fail, "each outcome is of a known kind, fits its call and used no more than was reserved"},
	{receiptSettled, Integrity, Fail, "each model call used what its provider counted: nothing if it failed uncounted, and all that was reserved if nobody knows"},
	{receiptUnclosed, Completeness, Warn, "each allowed call has its closing receipt; without one it may have happened"},
	{receiptUnknown, Completeness, Warn, "each closed call's outcome is known; otherwise it may have happened"},
	{receiptReported, Completeness, Warn, "each outcome is what the house itself was told; otherwise it is the word of the gateway, or of the program that the agent runs in, which carried the call out"},
	{receiptSandbox, Trusted, Warn, "each MCP server that carried a call ran with all parts of its sandbox, where it ran in one"},
	{receiptRevoked, Integrity, Fail, "after a revocation is recorded, no call that it ends is decided until it is restored, and no answer from before counts"},
	{receiptRepeated, Integrity, Fail, "nothing is done again outside while it is not settled whether it happened, and who is refused for that is refused rightly"},
	{receiptChange, Integrity, Fail, "each disclosed change is whole, and about what its call names"},
	{receiptLearned, Integrity, Fail, "what is learned later is about a change of which nobody knew when its call was closed, and is said once"},
	{answerSignature, Trusted, Fail, "each answer is signed by the person it names, whom you trust"},
	{answerRevoked, Trusted, Fail, "each answer was given before the key that signed it was revoked, where your trust file says when"},
	{answerMalformed, Integrity, Fail, "each answer parses, in canonical form"},
	{answerUnasked, Integrity, Fail, "each answer is to a question in the chain, about the same call"},
	{answerOwn, Integrity, Fail, "no yes counts of who ordered the call's token, nor for them"},
	{answerGroups, Trusted, Fail, "each person whose answer counted is in the groups that were counted, as your trust file has them"},
	{answerUngrouped, Trusted, Warn, "you brought the groups in which people were counted; otherwise they are the gate's word"},
	{answerShown, Integrity, Fail, "each answer was given on the difference that its call makes, where the answer says which and the change is disclosed"},
	{answerDelegation, Integrity, Fail, "each yes in another's stead is under a delegation by them that was in force when it was given and counted, and not taken back"},
	{answerLate, Completeness, Warn, "no person's no, or taking back, is dated before a call that was allowed without regard to it"},
	{answerUnheard, Integrity, Fail, "no person's no, or taking back, is dated so long before a call that was allowed without regard to it that the house must have had it"},
	{answerUnused, Completeness, Pass, "an answer that no decision saw: it came late, the call was not tried again, or the person said something else"},
	{delegationSignature, Trusted, Fail, "each delegation is signed by the person it is from, whom you trust"},
	{delegationMalformed, Integrity, Fail, "each delegation parses, in canonical form"},
	{traceSignature, Trusted, Fail, "each trace is signed by the launcher it names, whom you trust"},
	{traceMalformed, Integrity, Fail, "each trace parses, in canonical form"},
	{traceAttestation, Integrity, Fail, "each trace that stands on an attestation has it in the bundle: for its job, agent, program and version, by its launcher"},
	{traceUnreceipted, Completeness, Fail, "each call that a program says it made has a receipt by which it can have been made"},
	{traceUntold, Completeness, Warn, "each receipt of a call of a program's own tools is one that the program tells of; otherwise it does not tell all, or somebody else was at its door"},
	{traceMissing, Completeness, Warn, "of each run that tokens stand on an attestation of, its program says what calls it made"},
	{disclosureCommitment, Integrity, Fail, "each disclosed text is the one committed to"},
	{disclosureUnknown, Integrity, Fail, "each disclosed text is committed to in some receipt, attestation or trace"},
	{disclosureSize, Integrity, Fail, "each disclosed result is as long as its receipt says"},
	{shadowVerdict, Integrity, Fail, "each verdict of a candidate, made again where the record suffices, comes out the same"},
	{shadowUnproven, Completeness, Warn, "each verdict of a candidate can be made again; otherwise it is the gate's word"},
	{standingMissing, Completeness, Fail, "the gate says where the chain ended"},
	{standingSignature, Trusted, Fail, "the standing is signed by a gate that you trust"},
	{standingMalformed, Integrity, Fail, "the standing parses, in canonical form"},
	{standingEnd, Completeness, Fail, "the chain ends where the standing says"},
	{logSignature, Trusted, Fail, "the checkpoint is signed by logs that you trust, and by nobody else"},
	{logMalformed, Integrity, Fail, "the checkpoint parses and is in its one form"},
	{logOrigin, Trusted, Fail, "the checkpoint is of the log that you trust"},
	{logProof, Integrity, Fail, "each inclusion proof leads from its receipt to the checkpoint"},
	{logGap, Completeness, Fail, "no receipt without a proof comes before one with a proof"},
	{logMissing, Completeness, Warn, "each receipt is proven to be in the log"},
	{expectPolicy, Trusted, Fail, "every receipt is under the policy that you expect"},
	{expectJob, Trusted, Fail, "the bundle is of the job that you expect"},
	{expectTime, Trusted, Fail, "nothing is dated after the time that you give"},
}

// silence is what the evidence cannot show either where a policy wants a plugin heard of.
const silence = "That the plugin in an agent's runtime was heard of as lately as receipts say. That is the gate's word."

func row(c Code) Row {
	i := slices.IndexFunc(rows[:], func(r Row) bool { return r.Code == c })
	return rows[i]
}

// limits is what no evidence of this kind can show, however good. Reports
// repeat it, so that nobody reads more into VERIFIED than there is.
var limits = [...]string{
	"That no calls were made outside the gate. Whoever holds credentials of his own leaves no receipt here.",
	"What the other side did after an outcome \"unknown\" or an allowed call without a closing receipt: it may have happened.",
	"That a request was put in policy terms rightly. The call is the gate's reading of it; disclosed arguments let you compare.",
	"That the other side did what it answered, or that its answer was true.",
	"That a gateway, or the program that an agent runs in, which carries calls out in the house's stead did what was decided, once, and reports truly what became of it.",
	"That people read what they approved. Their keys signed; that is all.",
	"The true time. Times are the gate's own clock, and can only be seen not to run backwards.",
	"That a condition on a text was evaluated rightly where the text is not disclosed.",
	"Why a token was refused as revoked, a policy as unusable or a call as beyond a limit of the house: that is the house's word.",
	"That a launcher saw all of what an agent runs in, or that a program says of itself, in a trace, all that it did. Both are their own word.",
	"That a model's answer says truly who answered and what it took, or that prices are what the house pays.",
	"Who a key belongs to. You brought the keys; whoever holds one speaks as its owner.",
}
