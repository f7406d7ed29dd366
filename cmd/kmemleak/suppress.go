// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/kmemleak/kmemleak"
)

const suppressionsText = `The commands that show leaks take -suppress, with a file of leaks that are known
and may stay:

    # Lines that start with # and empty lines do not count.
    leak: the teardown path of our driver, see the release notes of 2.1
        frame: thing_alloc
        frame: ...
        frame: do_one_initcall
        module: thing_*
        comm: modprobe
        expires: 2027-01-31

An entry starts with leak: and the reason, and has at least one of frame, module
and comm, which must all match. Indentation does not count.

The first frame is that of the owner, and the next ones are those below it, one by
one; "..." stands for any number of frames, even in first place. What is below the
last one does not matter. A pattern must match a whole name: * stands for any
characters and ? for one. A frame is a name without offset, with or without what
the compiler has added to it (.isra.0); a bare address is like 0x1234. The module is
that of the owner, vmlinux for the kernel image, and comm the thread's name.

An entry counts to the end of the day on which it expires, in UTC. Then its leaks
are shown again, and it is told. So are entries that match nothing, if the search
was complete: they can be deleted. Suppressed leaks do not count for the exit
status; their number is told on standard error.

Where a frame is known to be of another function than the kernel printed, it is
compared by the name that is shown.`

// suppressions are the leaks that are known. The zero value knows none.
type suppressions struct {
	file string
	list kmemleak.Suppressions

	uses       []kmemleak.SuppressionUse
	count      int  // objects that are left out
	incomplete bool // there may be more leaks
}

func (k *suppressions) define(flags *flag.FlagSet) {
	flags.StringVar(&k.file, "suppress", "", "leave out the leaks that match this `file`; see help suppressions")
}

// load reads the file, if there is one.
func (k *suppressions) load() error {
	if k.file == "" {
		return nil
	}
	file, err := os.Open(k.file)
	if err != nil {
		return err
	}
	defer file.Close()
	if k.list, err = kmemleak.ParseSuppressions(file); err != nil {
		return fmt.Errorf("%s: %w", k.file, err)
	}
	return nil
}

// filter returns the leaks that are not known. err is the reason why there may be more.
func (k *suppressions) filter(leaks []kmemleak.Leak, s *kmemleak.Symbolizer, err error) []kmemleak.Leak {
	k.incomplete = k.incomplete || err != nil
	if len(k.list) == 0 {
		return leaks
	}
	named := make([]kmemleak.Leak, len(leaks))
	for i, l := range leaks {
		named[i] = l
		named[i].Calls = s.Calls(l)
	}
	rest, uses := k.list.Filter(named, time.Now())
	if k.uses == nil {
		k.uses = uses
	} else {
		for i, u := range uses {
			k.uses[i].Count += u.Count
			k.uses[i].Bytes += u.Bytes
			k.uses[i].Expired = u.Expired
		}
	}
	k.count += objects(leaks) - objects(rest)
	return rest
}

// tell says what the entries have done.
func (k *suppressions) tell(w io.Writer, command string) {
	say := func(format string, args ...any) {
		fmt.Fprintf(w, "kmemleak %s: %s\n", command, clean(fmt.Sprintf(format, args...)))
	}
	if k.count > 0 {
		say("suppressed by %s: %d", k.file, k.count)
	}
	for _, u := range k.uses {
		switch {
		case u.Expired && u.Count > 0:
			say("%s:%d: expired at %s, and matches %d leaks: %s", k.file, u.Line, u.Expires.UTC().Format("2006-01-02 15:04 MST"), u.Count, u.Reason)
		case u.Expired && !k.incomplete:
			say("%s:%d: expired, and matches nothing: %s", k.file, u.Line, u.Reason)
		case u.Count == 0 && !k.incomplete:
			say("%s:%d: matches nothing: %s", k.file, u.Line, u.Reason)
		}
	}
}
