// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

// The parts of usage, help and man page that are not about a command, in the form of
// command.text.
const (
	title = "find memory leaks of the Linux kernel and their source lines"

	intro = `The kernel's leak detector, kmemleak, reports objects to which it finds no
pointer. It must be built in (CONFIG_DEBUG_KMEMLEAK). This program drives it,
reads its reports, and turns their frames into source lines with the debugging
information of modules and of the kernel image. Driving it needs root; reading
reports works anywhere.

On the machine that leaks, as root:

    kmemleak status                     # can leaks be looked for here?
    kmemleak find                       # what is leaked now
    kmemleak find -- make -C tests run  # what the tests leak

With reports that were saved:

    dmesg | kmemleak symbolize
    kmemleak diff monday.jsonl tuesday.jsonl`

	statusText = `0 if there are no leaks, or for diff no new ones; 1 if there are; 2 if it
could not look, or only at part of the input, whatever was found. The status
is also 2 for an input without a report, such as a log from the wrong machine
or the output of a program that failed, unless -empty says that it means no
leaks.

If a part was damaged or could not be read, the rest is still written, with a
message on standard error and status 2.

The status is 3 if the command that find runs after -- has failed and there
are no leaks.

So find, watch, scan, report, symbolize, explain, diff and pprof exit with 1 if
there are leaks, which ends a script under set -e: put || status=$? behind them,
or if before them. All other commands exit with 0 or 2.`

	environmentText = `Colours are only written to terminals, and not if NO_COLOR is set or TERM is
dumb.

DEBUGINFOD_URLS names servers from which debugging information that is not on
this machine is downloaded, by build ID. The other variables of
debuginfod-client-config(7) count as well.`
)
