// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Command clawea lets AI agents act on enterprise systems only under a signed
// policy, and proves afterwards what they did. Run it without arguments for
// the list of its commands.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/clawea/clawea/internal/sandbox"
)

func main() { os.Exit(start()) }

// start runs the command line and returns its exit code.
func start() int {
	sandbox.Enter() // does not return if this is to be somebody else's program
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	e := &env{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}
	return report(e, run(ctx, e, os.Args[1:]))
}

// env is all that a command has of its surroundings.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
}

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
	exitFalse = 3 // what was to be verified is false
)

// errFalse ends a command whose verification said no. It has reported already.
var errFalse = errors.New("verified as false")

// An exitStatus ends a command with the exit code of the program that it ran,
// or that goes with what it has reported already.
type exitStatus int

// Error says which.
func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// errUsage marks a command line that makes no sense.
var errUsage = errors.New("usage")

// report tells the person of err in two lines, what is wrong and what mends
// it, and returns the exit code.
func report(e *env, err error) int {
	var status exitStatus
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, &status):
		return int(status)
	case errors.Is(err, errFalse):
		return exitFalse
	}
	wrong, mends, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	fmt.Fprintf(e.stderr, "clawea: error: %s\n", clean(wrong))
	for line := range strings.Lines(mends) {
		fmt.Fprintf(e.stderr, "clawea: hint: %s\n", clean(strings.TrimSpace(line)))
	}
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	return exitError
}

// A command is one line of the command table.
type command struct {
	name  string // "wpc lint"
	args  string // "FILE"
	about string
	run   func(ctx context.Context, c *call) error
}

// commands is the command line. It is a function, since help is one of them.
func commands() []command {
	return []command{
		{"demo", "[-exit] [-dir DIR]", "the whole story on embedded parts, ending with a verified bundle", demoCommand},
		{"serve", "-config FILE", "the daemon", serveCommand},
		{"egress", "-config FILE", "the egress proxy in a process of its own: agents' processes connect to the hosts that their policies list", egressCommand},
		{"run", "-wpc HASH -job JOB [-agent AGENT] -- COMMAND ARGS", "let a program work on a job without ever holding a token, and keep the proof", runCommand},
		{"key new", "-name NAME FILE", "make a key for an author or an approver: FILE and FILE.pub", keyNew},
		{"key rotate", "-keys DIR [-now]", "change the key that signs tokens, in two steps: announce the next one, and switch to it", keyRotate},
		{"connect atlassian", "-config FILE -user NAME", "let agents act as a person at Atlassian, who consents in a browser", connectAtlassian},
		{"connect list", "-config FILE", "list who has let agents act as them", connectList},
		{"connect drop", "-config FILE -user NAME", "forget what a person has consented to", connectDrop},
		{"login link", "-config FILE", "on the house's machine: print a one-time link by which its own administrator logs in to its pages", loginLink},
		{"wpc new", "[-shape SHAPE] [-o FILE]", "write a policy to begin with", wpcNew},
		{"wpc lint", "FILE", "check a policy, say what is risky in it, and print its hash", wpcLint},
		{"wpc explain", "FILE | HASH | -receipt JOB/SEQ | -call CALL FILE", "say what a policy comes to, or why it decided a call as it did", wpcExplain},
		{"wpc test", "FILE [CASES]", "decide the cases beside a policy and compare", wpcTest},
		{"wpc schema", "", "print a JSON Schema of policies, for editors", wpcSchema},
		{"wpc sign", "-key FILE [-o FILE] FILE", "sign a policy, or add a signature to a signed one", wpcSign},
		{"wpc publish", "FILE", "publish a signed policy", wpcPublish},
		{"wpc propose", "FILE", "propose a policy, signed or not, for people to sign and publish in the console", wpcPropose},
		{"wpc drafts", "", "list policies that are proposed, and what they lack", wpcDrafts},
		{"wpc diff", "A B [-format json]", "compare two policies in meaning, by file or hash; exit code 3 if the second allows more", wpcDiff},
		{"wpc replay", "FILE [-since TIME] [-job JOB]", "decide past calls again under a policy that is not published; exit code 3 if it allows more", wpcReplay},
		{"wpc shadow", "HASH -candidate HASH [-stop]", "let a published candidate run beside a policy; no call depends on it", wpcShadow},
		{"wpc list", "", "list published policies", wpcList},
		{"wpc show", "HASH", "show a published policy, who signed it and what its names led to", wpcShow},
		{"wpc pins", "HASH [-json]", "show which MCP servers and tools a policy was published with, and how they differ now, or what publishing a draft would pin; exit code 3 if they differ", wpcPins},
		{"wpc history", "NAME", "list what was published under a policy's name, newest last", wpcHistory},
		{"cst issue", "-wpc HASH -job JOB -agent AGENT", "issue a token for one job", cstIssue},
		{"cst show", "ID", "show what is on record about a token", cstShow},
		{"cst revoke", "ID | -job JOB", "revoke a token, or all of a job", cstRevoke},
		{"revoke", "WHAT [-reason TEXT]", "end token:ID, job:NAME, agent:NAME, policy:HASH, action:PATTERN or all, at once and everywhere", revokeCommand},
		{"revocation list", "[-all]", "list what is revoked", revocationList},
		{"revocation lift", "ORDER", "let what was revoked go on; tokens and jobs stay ended", revocationLift},
		{"job list", "", "list the newest jobs", jobList},
		{"job show", "JOB", "show a job, its tokens and its receipts", jobShow},
		{"job stop", "JOB [-reason TEXT] [-o FILE]", "contain a job: revoke it, see it stop, and keep its proof", jobStop},
		{"job undo", "JOB -note TEXT [-policy HASH] | JOB -dry-run", "take back what a job has changed, newest first; exit code 3 if not all of it is undone", jobUndo},
		{"job settle", "JOB/SEQ happened|not -reason TEXT", "say what became of a call that broke off, where the house cannot tell", jobSettle},
		{"job reconcile", "JOB [-margin TIME]", "compare a job's receipts with the systems' own history; exit code 3 if they do not agree", jobReconcile},
		{"approve list", "[-all]", "list what waits for a person", approveList},
		{"approve show", "ID [-full]", "show what one question is about", approveShow},
		{"approve yes", "ID -key FILE [-times N] [-for NAME]", "let exactly this call happen, once or N times", approveYes},
		{"approve no", "ID -key FILE [-for NAME]", "deny this call", approveNo},
		{"approve withdraw", "ID -key FILE", "take back what you have said", approveWithdraw},
		{"approve delegate", "-to NAME -until TIME -key FILE", "have somebody answer in your stead while you are absent", approveDelegate},
		{"approve delegations", "", "list who answers in whose stead", approveDelegations},
		{"approve undelegate", "ID -key FILE", "take a delegation of yours back", approveUndelegate},
		{"proof export", "JOB [-o FILE]", "write a job's proof bundle", proofExport},
		{"proof verify", "-trust FILE FILE...", "verify bundles offline, and together; exit code 3 if one is false, or a token is in those of two jobs", proofVerify},
		{"proof html", "[-o FILE] [-only SEQ,...] BUNDLE", "write a page that checks a bundle in whose browser it is opened; one file, no network", proofHTML},
		{"proof trust", "[-o FILE]", "write the keys that the daemon says are its own; compare them before you trust them", proofTrust},
		{"pulse publish", "JOB | FILE [-disclose none|all|SEQ,...] [-keep DURATION | -until TIME]", "publish a job's proof, as it stands now or as a file has it: a page that checks it in its reader's browser", pulsePublish},
		{"pulse list", "", "list published proofs, newest first", pulseList},
		{"pulse show", "ID", "show a published proof, its links and what was done to it", pulseShow},
		{"pulse share", "ID -note WHO -until TIME [-disclose none|all|SEQ,...]", "make a link to a published proof for somebody from outside; its address is printed once", pulseShare},
		{"pulse unshare", "LINK", "end a link at once, by its id or its address", pulseUnshare},
		{"pulse hold", "ID -note TEXT", "put a published proof under legal hold: nothing deletes it", pulseHold},
		{"pulse release", "ID [-note TEXT]", "end a legal hold", pulseRelease},
		{"pulse delete", "ID [-note TEXT]", "delete a published proof, for good; what was done to it stays on record", pulseDelete},
		{"export ocsf", "[-since RECEIPT] [-follow] [-o FILE] [BUNDLE...]", "write receipts as events in OCSF, a line each: of bundles, or all that the daemon has", exportOCSF},
		{"openclaw plan", "-wpc FILE|HASH -model ID -workspace FOLDER [-o FILE]", "print the configuration under which OpenClaw has what a policy can let it do, and no more", openclawPlan},
		{"openclaw apply", "-wpc FILE|HASH -model ID -workspace FOLDER [-yes] CONFIG", "put that configuration into OpenClaw's: shows the difference first, keeps what is not Clawea's and what was there", openclawApply},
		{"openclaw check", "-wpc FILE|HASH -model ID -workspace FOLDER [-o FILE] CONFIG", "say in what OpenClaw's configuration, and its plugins and skills on the disk, differ from that; exit code 3 if they do", openclawCheck},
		{"doctor", "[-json] [-config FILE]", "say what this machine can do for sandboxed servers; exit code 3 if it lacks a part", doctor},
		{"version", "", "print the version", versionCommand},
		{"help", "[COMMAND]", "print this list, or a command's flags", helpCommand},
	}
}

// run carries out one command line.
func run(ctx context.Context, e *env, args []string) error {
	if len(args) == 0 || args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
		return helpCommand(ctx, &call{env: e})
	}
	cmd, rest := find(args)
	if cmd == nil {
		return noCommand(args[:min(2, len(args))])
	}
	return cmd.run(ctx, newCall(e, cmd, rest))
}

// find returns the command that args begin with, and the arguments after it.
func find(args []string) (*command, []string) {
	all := commands()
	for i := range all {
		words := strings.Fields(all[i].name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == all[i].name {
			return &all[i], args[len(words):]
		}
	}
	return nil, nil
}

// noCommand says that words name no command, and which ones begin as they do.
func noCommand(words []string) error {
	var like []string
	for _, cmd := range commands() {
		if strings.HasPrefix(cmd.name, words[0]+" ") {
			like = append(like, "clawea "+cmd.name)
		}
	}
	hint := "list the commands with: clawea help"
	if len(like) > 0 {
		hint += "; these begin so: " + strings.Join(like, ", ")
	}
	return usagef("there is no command %q\n%s", strings.Join(words, " "), hint)
}

// A call is one command line being carried out.
type call struct {
	*env
	*flag.FlagSet
	cmd  *command
	args []string
}

func newCall(e *env, cmd *command, args []string) *call {
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return &call{e, fs, cmd, args}
}

// parse reads flags and arguments in any order. There must be min to max
// arguments.
func (c *call) parse(min, max int) error {
	var plain []string
	rest := c.args
	for {
		switch err := c.FlagSet.Parse(rest); {
		case errors.Is(err, flag.ErrHelp):
			c.describe(c.stdout)
			return err
		case err != nil:
			return usagef("%v\nits flags are listed by: clawea help %s", err, c.cmd.name)
		}
		if c.NArg() == 0 {
			break
		}
		plain = append(plain, c.Arg(0))
		rest = c.FlagSet.Args()[1:]
	}
	if c.args = plain; len(plain) < min || len(plain) > max {
		return usagef("clawea %s: %d arguments\nwant: clawea %s %s", c.cmd.name, len(plain), c.cmd.name, c.cmd.args)
	}
	return nil
}

func (c *call) describe(w io.Writer) {
	fmt.Fprintf(w, "clawea %s %s\n\n%s\n", c.cmd.name, c.cmd.args, c.cmd.about)
	c.SetOutput(w)
	c.PrintDefaults()
}

// need refuses a command line without one of its flags.
func (c *call) need(flags ...string) error {
	given := map[string]bool{}
	c.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for _, f := range flags {
		if !given[f] {
			return usagef("clawea %s needs -%s\nwant: clawea %s %s", c.cmd.name, f, c.cmd.name, c.cmd.args)
		}
	}
	return nil
}

func usagef(format string, args ...any) error {
	return fmt.Errorf("%w%w", invisible{errUsage}, fmt.Errorf(format, args...))
}

// invisible is an error that adds its identity and no words.
type invisible struct{ error }

func (invisible) Error() string   { return "" }
func (i invisible) Unwrap() error { return i.error }

func helpCommand(ctx context.Context, c *call) error {
	if len(c.args) > 0 {
		cmd, _ := find(c.args)
		if cmd == nil {
			return noCommand(c.args)
		}
		return cmd.run(ctx, newCall(c.env, cmd, []string{"-h"}))
	}
	fmt.Fprint(c.stdout, "Clawea lets AI agents act only under a signed policy, and proves what they did.\n\n")
	for _, cmd := range commands() {
		fmt.Fprintf(c.stdout, "  clawea %-16s %s\n", cmd.name, cmd.about)
	}
	fmt.Fprint(c.stdout, "\nStart with: clawea demo\nFlags of a command: clawea help COMMAND\n")
	return nil
}

// clean makes text from elsewhere safe to print on a terminal: control
// characters, which could rewrite what a person reads, become visible.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r >= ' ' && r != 0x7f && !(r >= 0x80 && r < 0xa0) && !bidi(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}

// bidi reports whether r changes the direction of the text around it.
func bidi(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x061c
}
