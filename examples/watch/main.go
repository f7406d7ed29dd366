// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Watch is a daemon: it looks for leaks again and again, as root on a kernel with
// kmemleak, and writes each new one as a line of JSON, until it gets SIGTERM or an
// interrupt. If it cannot look, it writes a line that says so, and it ends if that will be
// the same the next time.
//
//	watch -every 10m >> /var/log/kmemleak.jsonl
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"io/fs"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
)

func main() {
	log.SetFlags(0)
	every := flag.Duration("every", 10*time.Minute, "look at this `interval`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := watch(ctx, os.Stdout, new(kmemleak.Detector), *every); err != nil {
		log.Fatal(err)
	}
}

func watch(ctx context.Context, w io.Writer, d *kmemleak.Detector, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var known []kmemleak.Leak
	for {
		found, err := d.Find(ctx, kmemleak.Baseline(known))
		if ctx.Err() != nil {
			return nil
		}
		now, missing := d.Snapshot() // where modules are, for the lines of bare addresses
		if missing != nil {
			log.Print(missing)
		}
		if err := write(w, found.Leaks, now.Modules, err); err != nil {
			return err
		}
		if errors.Is(err, kmemleak.ErrUnavailable) || errors.Is(err, kmemleak.ErrDisabled) || errors.Is(err, fs.ErrPermission) {
			return err
		}
		if err == nil {
			known = found.Known // without what is no longer leaked
		}
		known = append(known, found.Leaks...)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func write(w io.Writer, leaks []kmemleak.Leak, modules []kmemleak.Module, failed error) error {
	s := kmemleak.Symbolizer{Modules: modules}
	defer s.Close()
	return leakfmt.JSONLines(w, leaks, &leakfmt.Options{Symbolizer: &s, Err: failed})
}
