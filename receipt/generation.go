// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// A Generation is what a model provider did, as its answer says it. What the
// answer does not say, or not in a form that fits here, is missing
// (spec/receipt.md 4.4).
type Generation struct {
	Provider string     `json:"provider"`           // how it is spoken to: "openai", "anthropic", "gemini", "fal"
	Model    string     `json:"model,omitempty"`    // that answered, by the provider's name for it
	Finish   string     `json:"finish,omitempty"`   // why it ended, in the provider's word: "stop", "tool_use", "MAX_TOKENS"; of several answers: "stop,length"
	Usage    *Usage     `json:"usage,omitempty"`    // what the provider counted; missing if it did not say it to the end
	Cost     int        `json:"cost,omitzero"`      // what that comes to at the house's prices, in millionths of its currency
	Proposed []Proposed `json:"proposed,omitempty"` // tool calls that the model wants made, in the answer's order; the first MaxProposed
	First    int64      `json:"first_ms"`           // milliseconds from sending the request to the first byte of the answer's body
	Took     int64      `json:"took_ms"`            // and to its end; not less than First
}

// A Usage is how many tokens a provider counted. Input and Output are all of
// them; the others say what part of those they are.
type Usage struct {
	Input     int `json:"input"`
	Output    int `json:"output"`
	CacheRead int `json:"cache_read,omitzero"` // of Input: read from the provider's cache
	CacheMade int `json:"cache_made,omitzero"` // of Input: written to the provider's cache
	Reasoning int `json:"reasoning,omitzero"`  // of Output: thought, not said
}

// A Proposed is a tool call that a model wants made. Whether it is made is
// another call's story.
type Proposed struct {
	Name string    `json:"name,omitempty"` // missing if it is none: 1 to 128 of A-Z, a-z, 0-9, '_', '.', ':', '/' and '-'
	Args seal.Hash `json:"args"`           // commitment to the arguments, as the model wrote them
}

// MaxProposed is how many of the tool calls that an answer proposes are recorded.
const MaxProposed = 128

// The counters that a model call reserves before it, and settles after.
const (
	Tokens       = "tokens"        // of input and output
	OutputTokens = "output_tokens" // of output
	Cost         = "cost"          // millionths of the house's currency
)

const (
	// maxCount bounds what is believed of a provider's count, and times. No answer
	// has that many tokens, and the sum of a whole bundle's still has one form.
	maxCount = 1 << 36
	maxCost  = 1<<53 - 1 // the most that has one form
)

// Doors are the actions by which a provider is spoken to (spec/receipt.md 4.5).
// It is nil for a provider that nobody here speaks to.
func Doors(provider string) []string {
	switch provider {
	case "openai":
		return []string{"chat.completions", "responses"}
	case "anthropic":
		return []string{"messages"}
	case "gemini":
		return []string{"generateContent"}
	case "fal":
		return []string{"chat.completions"}
	}
	return nil
}

// Answers reports whether g can be of an answer to c: a call of a model, by an
// action that g's provider has.
func (g *Generation) Answers(c *policy.Call) bool {
	return c.Class == policy.Model && slices.Contains(Doors(g.Provider), c.Action)
}

// Settled is what a model call that ended as out used of what it reserved: what
// the provider counted, and never more than was reserved; nothing if it failed
// and nothing was counted; and otherwise nil, which is all of it: its use is not
// known, and the worst is taken for granted (spec/receipt.md 4.7).
func Settled(reserved map[string]int, out *Outcome) map[string]int {
	u := out.Model.counted()
	switch {
	case len(reserved) == 0:
		return nil
	case u == nil && out.Status == Failed:
		return map[string]int{}
	case u == nil:
		return nil
	}
	used := maps.Clone(reserved) // a counter of another kind is not given back
	for k, n := range map[string]int{Tokens: u.Input + u.Output, OutputTokens: u.Output, Cost: out.Model.Cost} {
		if most, ok := reserved[k]; ok {
			used[k] = max(min(n, most), 0)
		}
	}
	return used
}

// counted is the usage that counts: one that adds up.
func (g *Generation) counted() *Usage {
	if g == nil || !g.Usage.whole() {
		return nil
	}
	return g.Usage
}

// String says g in one line, for people: "gpt-x: 12 tokens in, 3 out, stop,
// proposes lookup".
func (g *Generation) String() string {
	s := g.Model
	if s == "" {
		s = g.Provider
	}
	if u := g.Usage; u != nil {
		s += fmt.Sprintf(": %d tokens in, %d out", u.Input, u.Output)
	} else {
		s += ": tokens unknown"
	}
	if g.Finish != "" {
		s += ", " + g.Finish
	}
	for i, p := range g.Proposed {
		name, lead := p.Name, ", "
		if i == 0 {
			lead = ", proposes "
		}
		if name == "" {
			name = "a tool without a name"
		}
		s += lead + name
	}
	return s
}

// fit returns g without what receipts do not take: what a provider answers must
// not keep the receipt of its answer from being written.
func (g *Generation) fit() *Generation {
	out := *g
	out.Model = kept(g.Model, isModel)
	out.Finish = kept(g.Finish, isFinish)
	if out.Usage = g.counted(); out.Usage == nil {
		out.Cost = 0
	}
	out.Cost = min(max(out.Cost, 0), maxCost)
	out.Proposed = slices.Clone(g.Proposed[:min(len(g.Proposed), MaxProposed)])
	for i := range out.Proposed {
		out.Proposed[i].Name = kept(out.Proposed[i].Name, isTool)
	}
	out.Took = min(max(g.Took, 0), maxCount)
	out.First = min(max(g.First, 0), out.Took)
	return &out
}

func kept(s string, is func(string) bool) string {
	if is(s) {
		return s
	}
	return ""
}

// whole reports whether g keeps spec/receipt.md 4.4. Nil does.
func (g *Generation) whole() bool {
	if g == nil {
		return true
	}
	return isProvider(g.Provider) && (g.Model == "" || isModel(g.Model)) && (g.Finish == "" || isFinish(g.Finish)) &&
		(g.Usage == nil || g.Usage.whole()) && g.Cost >= 0 && (g.Cost == 0 || g.Usage != nil) &&
		len(g.Proposed) <= MaxProposed && !slices.ContainsFunc(g.Proposed, func(p Proposed) bool { return !p.whole() }) &&
		0 <= g.First && g.First <= g.Took && g.Took <= maxCount
}

// whole reports whether u adds up. Nil does not.
func (u *Usage) whole() bool {
	if u == nil || u.Input > maxCount || u.Output > maxCount || min(u.CacheRead, u.CacheMade, u.Reasoning) < 0 {
		return false
	}
	return u.CacheRead <= u.Input && u.CacheMade <= u.Input-u.CacheRead && u.Reasoning <= u.Output
}

func (p Proposed) whole() bool { return (p.Name == "" || isTool(p.Name)) && !p.Args.IsZero() }

func isProvider(s string) bool { return len(s) <= 32 && isWord(s, "-") && strings.ToLower(s) == s }

func isModel(s string) bool { return len(s) <= 200 && isWord(s, "._:/@-") && isWord(s[:1], "") }

func isFinish(s string) bool { return len(s) <= 1000 && isWord(s, "_.:,-") }

func isTool(s string) bool { return len(s) <= 128 && isWord(s, "_.:/-") }

// isWord reports whether s is made of ASCII letters, digits and marks. These
// names come from providers and models: there is no room for a text in them.
func isWord(s, marks string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(marks, c) >= 0) {
			return false
		}
	}
	return s != ""
}
