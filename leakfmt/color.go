// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"io"
	"os"

	"github.com/kmemleak/kmemleak/internal/terminal"
)

// Color says whether to write colours, as the escape sequences of ANSI terminals.
type Color uint8

const (
	Auto   Color = iota // on a terminal that understands them, unless NO_COLOR is set or TERM is "dumb"
	Always              // whatever the writer is
	Never
)

// use reports whether to write colours to w. For NO_COLOR see https://no-color.org.
func (c Color) use(w io.Writer) bool {
	return c == Always || c == Auto && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && terminal.Is(w)
}

// A style is the escape sequence that a line begins with.
type style string

const (
	plain  style = ""
	bold   style = "\x1b[1m"
	faint  style = "\x1b[2m"
	yellow style = "\x1b[33m"
	reset  style = "\x1b[0m"
)
