// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Backtrace gives a Call for every frame in the same order, and in between one for
// every function that the kernel lost because it was left by a jump. What frames
// tell of each other is made use of: the call that a frame returns to must be of
// the function of the frame above, or of one that leads there by jumps. The
// all-ones address that old kernels end a backtrace with is left out.
func (s *Symbolizer) Backtrace(bt []Frame) []Call {
	rs := make([]*resolution, 0, len(bt))
	for _, f := range bt {
		if f.terminator() {
			continue
		}
		above := lastPlace(rs)
		rs = append(rs, s.resolve(question{f, above != nil && interrupts(above.frame)}))
	}
	s.recoverBare(rs)
	s.narrowAll(rs)
	calls := make([]Call, 0, len(rs)+1)
	var above *resolution
	wrong := make(map[string]string) // files that a frame speaks against
	sure := make(map[string]bool)    // files that have the module's build ID
	guessed := make(map[string]bool) // files that bare addresses were found in by their text
	for _, r := range rs {
		c, hops := s.callBelow(r, above)
		calls = append(append(calls, hops...), c)
		if c.Confidence == Contradicted {
			wrong[c.Object] = c.Frame.String()
		}
		if r.most != 0 {
			guessed[r.object] = true
		}
		if r.sameID {
			sure[r.object] = true
		}
		if r.place() {
			above = r
			if c.Confidence == Contradicted {
				above = nil // what is wrong proves nothing
			}
		}
	}
	for i := range calls {
		// The other frames of the file may fit by accident only.
		c := &calls[i]
		if by, ok := wrong[c.Object]; ok && c.Confidence >= Assumed && !sure[c.Object] {
			c.Confidence = Assumed
			if guessed[c.Object] && c.Kind != Printed {
				c.Confidence = Ambiguous
				c.Err = fmt.Errorf("%s: found in a file that may be of another build", c.Frame)
			}
			c.Reason = fmt.Sprintf("%s does not fit this file, which may be of another build", by)
		}
	}
	return calls
}

// place reports whether the frame stands for a place in code, which those that a
// decoder put in between do not.
func (r *resolution) place() bool {
	f := r.frame
	return f.Func == "" || !f.Inlined && (f.File == "" || f.Offset != 0 || f.Size != 0)
}

// lastPlace gives the last frame that stands for a place in code, nil if there is
// none.
func lastPlace(rs []*resolution) *resolution {
	for _, r := range slices.Backward(rs) {
		if r.place() {
			return r
		}
	}
	return nil
}

const (
	reasonCalls   = "the call is of the function of the frame above"
	reasonBuildID = "the build IDs agree"
)

// callBelow makes the Call of a frame below another one, nil if there is none, and
// those of the functions in between.
func (s *Symbolizer) callBelow(r, above *resolution) (Call, []Call) {
	c := r.call(r.frame)
	if above == nil || r.exact || c.Confidence <= Ambiguous || !r.place() {
		return c, nil
	}
	// There are several answers if they have the same source position.
	best, from := link{}, &r.answers[0]
	for i := range r.answers {
		l := s.link(r, &r.answers[i], above)
		if i == 0 || l.kind > best.kind {
			best, from = l, &r.answers[i]
		}
	}
	switch best.kind {
	case linkDirect:
		c.prove(r, reasonCalls)
	case linkTail:
		if len(r.answers) > 1 {
			break
		}
		lead := make([]string, 0, len(best.hops))
		for _, h := range slices.Backward(best.hops) {
			lead = append(lead, demangled(h.name))
		}
		c.prove(r, fmt.Sprintf("the call is of %s, which leads to the frame above by jumps", strings.Join(lead, ", ")))
		return c, s.elided(best.hops, c, above)
	case linkDenied:
		c.Confidence = Contradicted
		c.Reason = ""
		c.Err = fmt.Errorf("%s: %w: in %s the call there is of %s, which does not lead to the frame above, %s",
			r.frame, errContradicted, c.Object, cmp.Or(from.callee, "another function"), above.title())
	}
	return c, nil
}

// prove raises the confidence of a Call whose name and size fit.
func (c *Call) prove(r *resolution, why string) {
	if c.Confidence < Consistent || r.most != 0 {
		return
	}
	c.Confidence = Proved
	if c.Kind == Recovered && c.Reason != "" {
		why = c.Reason + "; " + why
	}
	c.Reason = why
}

// elided makes the Calls of functions that were left by a jump, between the call
// of site and the frame above.
func (s *Symbolizer) elided(hops []hop, site Call, above *resolution) []Call {
	calls := make([]Call, 0, len(hops))
	for _, h := range hops {
		c := Call{
			Frame:      Frame{Func: h.name, Module: h.module},
			Pos:        h.pos,
			Kind:       Elided,
			Confidence: site.Confidence,
			Module:     h.module,
			Object:     h.object,
			Reason:     fmt.Sprintf("the call below is of it, and it leads to %s by jumps", above.title()),
		}
		if h.next != "" {
			c.Reason = fmt.Sprintf("the call below leads to it, and it jumps to %s", demangled(h.next))
		}
		if len(h.pos) > 0 && h.pos[len(h.pos)-1].Line == 0 {
			c.Reason += "; from where in it is not certain"
		}
		calls = append(calls, c)
	}
	return calls
}

// title names the function of a frame for messages.
func (r *resolution) title() string {
	switch {
	case r.frame.Func != "":
		return r.frame.Func
	case len(r.answers) == 1 && len(r.answers[0].pos) > 0:
		return r.answers[0].pos[len(r.answers[0].pos)-1].Func
	}
	return fmt.Sprintf("%#x", r.frame.Addr)
}

// narrowAll drops answers of ambiguous frames that do not go together with their
// neighbours, as long as that helps.
func (s *Symbolizer) narrowAll(rs []*resolution) {
	var places []int
	for i, r := range rs {
		if r.place() {
			places = append(places, i)
		}
	}
	for range places {
		changed := false
		for k, i := range places {
			r := rs[i]
			if len(r.answers) < 2 || errors.Is(r.err, errContradicted) {
				continue
			}
			var above, below *resolution
			if k > 0 {
				above = rs[places[k-1]]
			}
			if k+1 < len(places) {
				below = rs[places[k+1]]
			}
			if n := s.narrowed(r, above, below); n != r {
				rs[i], changed = n, true
			}
		}
		if !changed {
			return
		}
	}
}

// narrowed gives r with only the answers that the neighbours allow, or that they
// ask for if there are such.
func (s *Symbolizer) narrowed(r, above, below *resolution) *resolution {
	var allowed, asked []answer
	for _, a := range r.answers {
		up, down := link{}, link{}
		if above != nil && !r.exact {
			up = s.link(r, &a, above)
		}
		if below != nil && !below.exact && len(below.answers) == 1 && below.most == 0 && !errors.Is(below.err, errContradicted) {
			one := *r
			one.answers = []answer{a}
			down = s.link(below, &below.answers[0], &one)
		}
		if up.kind == linkDenied || down.kind == linkDenied {
			continue
		}
		allowed = append(allowed, a)
		if up.kind >= linkTail || down.kind >= linkTail {
			asked = append(asked, a)
		}
	}
	keep := allowed
	// Of a printed name, one that is asked for by a neighbour is the one: the
	// others have calls through pointers at the same offset, and could have been
	// reached by them only.
	if len(asked) > 0 && len(asked) < len(allowed) && !slices.ContainsFunc(allowed, func(a answer) bool { return a.callee == "" && a.target == 0 }) {
		keep = asked
	}
	if len(keep) == 0 || len(keep) == len(r.answers) {
		return r
	}
	n := *r
	n.answers = keep
	if len(keep) == 1 && n.err == nil && keep[0].nopos != nil {
		n.err = fmt.Errorf("%s: %w", r.frame, keep[0].nopos)
	}
	return &n
}
