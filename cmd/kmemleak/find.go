// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
	"github.com/kmemleak/kmemleak/leakwindow"
)

var find = command{
	name:  "find",
	args:  "[-- command [argument ...]]",
	short: "find everything that is leaked now, or by a command",
	text: `Finds what is leaked now: waits until it is old enough to be reported, 5 s,
scans until two scans agree, and fails if somebody else controls kmemleak
meanwhile. The kernel's own scans are stopped for that time, and scans look at
stacks from then on (stack=on). Nothing is cleared. If find could not make sure
of something, such as who controls kmemleak where fanotify is missing, it says
so, on standard error if it writes for programs; the exit status stays the same.

With a command, find runs it first, and finds what was allocated meanwhile and
is leaked, whether by the command, an interrupt or another program. Go tests in
it that use package kmemleaktest leave the search to find. If kmemleak cannot
look, or there is no such command, nothing is run. The command's standard
output goes to standard error, so that standard output has only the leaks.

    kmemleak find -module hello_kernel -- insmod hello-kernel.ko
    kmemleak find -format junit -o leaks.xml -- make -C tests run

Old values in the kernel's memory can hide leaks. Boot it with init_on_alloc=1 to
find nearly all at the first time; -thorough looks longer and names suspects,
which are leaks only if a later search finds them.

No leaks may mean that something hides them all. The kernel's kmemleak-test.ko
leaks when it is loaded. With -proof kmemleak-test.ko, the search fails (2)
unless that leak is found.

With -since, it finds what was allocated since a cursor of kmemleak mark; with
-windows, it says in which of many tests each leak was allocated: see kmemleak
help windows.

With -leak, it looks for one leak: other leaks are counted on standard error,
and do not matter for the exit status. It fails (2) if one of them has no name in
the report, only an address, and may be it: -module narrows that. So a bisection of a leak is one line,
where run boots a build and loads what leaks:

    git bisect run sh -c 'make && run && kmemleak find -status bisect -leak 204e79c54e2fb69d'

` + symbolsText,
	define: func(flags *flag.FlagSet) action {
		var search search
		search.define(flags)
		return func(ctx context.Context, std stdio, args []string) (int, error) {
			ctx, stop := untilInterrupted(ctx)
			defer stop()
			return search.run(ctx, std, args)
		}
	},
}

// search is a find with its flags.
type search struct {
	at              target
	moments         moments
	from            symbols
	to              output
	modules         list
	baseline, proof string
	leak            string
	nameless        bool // other leaks whose fingerprint is not the same for all builds
	scans           uint
	thorough        bool
}

func (s *search) define(flags *flag.FlagSet) {
	s.at.define(flags)
	s.moments.define(flags)
	s.from.define(flags)
	s.to.define(flags)
	flags.Var(&s.modules, "module", "find only the leaks of this `module` and of unknown owners (repeatable)")
	flags.StringVar(&s.leak, "leak", "", "find only this leak: its `fingerprint`, as in every format")
	flags.StringVar(&s.baseline, "baseline", "", "leave out the leaks in this `file`, found earlier on the same boot")
	flags.UintVar(&s.scans, "scans", 0, "make so many `scans`; less than 4 take less time on big machines, and may miss leaks, which is said then")
	flags.BoolVar(&s.thorough, "thorough", false, "look for 10 s at least, and name what only kernel stacks point to")
	flags.StringVar(&s.proof, "proof", "", "load this `module` (.ko), which leaks, to prove that leaks are found")
}

func (s *search) run(ctx context.Context, std stdio, args []string) (int, error) {
	if err := s.to.check(std); err != nil {
		return 0, err
	}
	if len(args) > 0 {
		if _, err := exec.LookPath(args[0]); err != nil {
			return 0, notRunError{args[0], err}
		}
	}
	if s.moments.since != "" && len(args) > 0 {
		return 0, usageError{"-since and a command: find finds what the command leaks by itself"}
	}
	if f := s.to.format.value; s.moments.windows != "" && (f == "openmetrics" || f == "pprof") {
		return 0, usageError{"-windows: -format " + f + " has no place for tests"}
	}
	h, err := s.at.open(ctx)
	if err != nil {
		return 0, err
	}
	defer h.close()
	symbolizer, err := s.from.symbolizer(std)
	if err != nil {
		return 0, err
	}
	defer symbolizer.Close()
	options, err := s.options(std, symbolizer)
	if err != nil {
		return 0, err
	}
	options = append(options, showProgress(std))
	since, before, err := s.moments.sinceCursor(ctx, h)
	if err != nil {
		return 0, err
	}
	options = append(options, since...)

	var found kmemleak.Finding
	var failed error // of the command
	var windows []kmemleak.Window
	var noTests error
	noModules := h.prepare(symbolizer)
	before = leakwindow.Merge(symbolizer.Modules, before)
	symbolizer.Modules = before
	if len(args) == 0 {
		if windows, symbolizer.Modules, err = s.moments.tests(ctx, h, before); err != nil {
			return 0, err
		}
		found, err = h.Find(ctx, options...)
	} else {
		ran := false
		found, err = h.During(ctx, func() {
			std.progress.clear() // the terminal is the command's
			failed = runCommand(ctx, std, args, !h.remote())
			noModules = h.prepare(symbolizer)
			symbolizer.Modules = leakwindow.Merge(symbolizer.Modules, before)
			windows, symbolizer.Modules, noTests = s.moments.tests(ctx, h, symbolizer.Modules)
			ran = true
		}, options...)
		if !ran {
			err = notRunError{args[0], err}
		}
	}
	std.progress.clear()
	if !s.to.says() {
		for _, doubt := range found.Doubts {
			fmt.Fprintf(std.err, "kmemleak find: not sure: %v\n", doubt)
		}
	}
	if s.leak != "" && found.Ignored > 0 {
		fmt.Fprintf(std.err, "kmemleak find: not the leak that -leak asks for: %d\n", found.Ignored)
	}
	if s.nameless && len(found.Leaks) == 0 && err == nil {
		err = errors.New("among the other leaks are some whose owner has no name, only an address that differs from build to build: nobody knows whether one of them is the leak that -leak asks for")
	}
	for _, g := range kmemleak.Groups(s.to.known.filter(found.Suspects, symbolizer, err)) {
		fmt.Fprintf(std.err, "kmemleak find: suspect, not counted: %d bytes in %d objects that only kernel stacks point to, of %s\n",
			g.Bytes, g.Count, leakfmt.Owner(g.Example, &leakfmt.Options{Symbolizer: symbolizer}))
	}
	err = errors.Join(err, noTests)
	if failed != nil && !errors.As(failed, new(commandError)) {
		err = errors.Join(failed, err)
	}
	noteModules(std, found.Leaks, noModules)
	n, err := s.to.report(ctx, std, found.Leaks, err, leakfmt.Options{Symbolizer: symbolizer, Doubts: found.Doubts, Time: time.Now(), Clock: h.clock(ctx), Windows: windows, Scans: found.Scans, Allocinfo: h.allocinfo()})
	s.to.known.tell(std.err, "find")
	switch {
	case failed == nil:
	case err == nil && n == 0:
		err = failed
	case errors.As(failed, new(commandError)):
		fmt.Fprintf(std.err, "kmemleak find: %v\n", failed)
	}
	return n, err
}

func (s *search) options(std stdio, symbolizer *kmemleak.Symbolizer) (options []kmemleak.Option, err error) {
	if len(s.modules) > 0 {
		options = append(options, kmemleak.InModule(s.modules...), kmemleak.WithSymbolizer(symbolizer))
	}
	if s.leak != "" {
		s.leak = strings.ToLower(s.leak)
		if !isFingerprint(s.leak) {
			return nil, usageError{fmt.Sprintf("-leak %q is no fingerprint: 16 hexadecimal digits", s.leak)}
		}
		options = append(options, kmemleak.WithSymbolizer(symbolizer), kmemleak.Ignore(func(l kmemleak.Leak) bool {
			other := l.Fingerprint() != s.leak
			s.nameless = s.nameless || other && unnamed(l)
			return other
		}))
	}
	if s.baseline != "" {
		known := input{empty: true}
		leaks, err := known.read(std, []string{s.baseline})
		if err != nil {
			return nil, err
		}
		options = append(options, kmemleak.Baseline(leaks))
	}
	options = append(options, kmemleak.Scans(int(s.scans)))
	if s.thorough {
		options = append(options, kmemleak.Thorough())
	}
	if s.proof != "" {
		options = append(options, kmemleak.ProofOfLife(s.proof))
	}
	return options, nil
}

// unnamed reports whether a leak's owner is an address in the report, which differs from
// build to build, and the fingerprint with it.
func unnamed(l kmemleak.Leak) bool {
	l.Calls = nil
	return l.Owner().Func() == ""
}

// isFingerprint reports whether a text has the form of [kmemleak.Leak.Fingerprint].
func isFingerprint(s string) bool { return len(s) == 16 && strings.Trim(s, "0123456789abcdef") == "" }

// untilInterrupted returns a context that ends with the first signal to stop, or when
// the terminal is lost; the second one ends the program. Signals that were ignored at the
// start, as nohup has it, still are.
func untilInterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	signals := slices.DeleteFunc([]os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP}, signal.Ignored)
	ctx, stop := signal.NotifyContext(ctx, signals...)
	context.AfterFunc(ctx, stop)
	// The kernel and the shell both tell of a lost terminal: the second time says nothing new.
	again := make(chan os.Signal, 1)
	if slices.Contains(signals, os.Signal(syscall.SIGHUP)) {
		signal.Notify(again, syscall.SIGHUP)
	}
	return ctx, func() {
		stop()
		signal.Stop(again)
	}
}

// showProgress shows the progress of a search.
func showProgress(std stdio) kmemleak.Option {
	return kmemleak.WithProgress(func(now kmemleak.Progress) {
		switch now.Stage {
		case kmemleak.StageQueueing:
			std.progress.set("waiting for another search for leaks")
		case kmemleak.StageAging:
			std.progress.set("waiting until objects are old enough%s", left(now))
		case kmemleak.StageScanning:
			std.progress.set("scan %d%s", now.Scan, left(now))
		case kmemleak.StageReading:
			std.progress.set("reading, %d leaks%s", now.Leaks, left(now))
		}
	})
}

// left draws how far a search has come and says how much time is left, if that is known.
func left(now kmemleak.Progress) string { return bar(now.Elapsed, now.Left) }

// commandError is the error of the command that find ran.
type commandError struct {
	name string
	err  error
}

func (e commandError) Error() string { return fmt.Sprintf("%s: %v", e.name, e.err) }
func (e commandError) Unwrap() error { return e.err }

// runCommand runs the command of find. If it ran and failed, the error is a
// commandError. here says that the search is on this machine.
func runCommand(ctx context.Context, std stdio, args []string, here bool) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	if here {
		// As package kmemleaktest has it: tests that the command runs would wait for the lock
		// that this process holds. Nobody else looks for what they lose on another machine.
		cmd.Env = append(os.Environ(), "KMEMLEAK_HELD_BY="+strconv.Itoa(os.Getpid()))
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = std.in, std.err, std.err
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if errors.As(err, new(*exec.ExitError)) && ctx.Err() == nil {
		return commandError{args[0], err}
	}
	return err
}
