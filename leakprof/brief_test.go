// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakprof

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// brief returns a profile as text, one line for each sample.
func brief(p *profile.Profile) string {
	var b strings.Builder
	for _, c := range p.Comments {
		fmt.Fprintf(&b, "# %s\n", c)
	}
	for _, s := range p.Sample {
		var labels []string
		for k, v := range s.Label {
			labels = append(labels, k+"="+strings.Join(v, ","))
		}
		for k, v := range s.NumLabel {
			labels = append(labels, fmt.Sprintf("%s=%d", k, v[0]))
		}
		slices.Sort(labels)
		fmt.Fprintf(&b, "%d %d %s:", s.Value[0], s.Value[1], strings.Join(labels, " "))
		for _, loc := range s.Location {
			var lines []string
			for _, l := range loc.Line {
				line := l.Function.Name
				if l.Function.Filename != "" {
					line += fmt.Sprintf("@%s:%d", l.Function.Filename, l.Line)
				}
				lines = append(lines, line)
			}
			if len(lines) == 0 {
				lines = []string{fmt.Sprintf("%#x", loc.Address)}
			}
			b.WriteString(" " + strings.Join(lines, "<"))
		}
		b.WriteString("\n")
	}
	return b.String()
}
