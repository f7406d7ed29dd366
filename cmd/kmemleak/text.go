// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

// The parts of usage, help and man page that are not about a command, in the form of
// command.text.
const (
	title = "find memory leaks of the Linux kernel and name the source lines"

	intro = `The kernel's leak detector, kmemleak, reports objects to which it finds no
pointer, if it was built in (CONFIG_DEBUG_KMEMLEAK). This program drives it,
reads its reports, and turns their frames into source lines with the debugging
information of modules and of the kernel image. Driving it takes root; reading
reports works anywhere.

On the machine that leaks, as root:

    kmemleak find                       # what is leaked now
    kmemleak find -- make -C tests run  # what the tests leak

With what was saved from it:

    kmemleak symbolize < dmesg
    kmemleak diff monday.jsonl tuesday.jsonl`

	statusText = `0 if there are no leaks, or for diff no new ones; 1 if there are; 2 if nobody
could look, or not at all there is, whatever was found. An input in which
there is no report is a 2, unless -empty says that it means no leaks: a log
from the wrong machine, or the output of a program that failed, has no report
either.

Where a part was damaged or could not be read, the rest is written all the
same, with a message on standard error and status 2.

What find runs after -- may fail, too: the status is 3 if it did and there are
no leaks. Commands that do not look for leaks exit with 0 or 2.`

	environmentText = `NO_COLOR, if it is set, and TERM=dumb turn colours off, which only terminals
get.

DEBUGINFOD_URLS names servers to load debugging information from that is not
on this machine, by build ID; the other variables of debuginfod-client-config(7)
count as well.`
)
