// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Debuginfod downloads files by build ID from servers that speak elfutils' protocol of
// that name (debuginfod(8), WEBAPI). It keeps them where elfutils' own clients do. The
// exported fields must not change once it is in use. It is safe for concurrent use.
type Debuginfod struct {
	URLs     []string      // servers, tried one after the other
	Cache    string        // folder of downloaded files; "" for the one of elfutils' clients
	MaxSize  int64         // of a file, in bytes; 0 is DefaultMaxSize
	MaxTime  time.Duration // for a file; 0 is DefaultMaxTime
	Timeout  time.Duration // for every 100 KiB; 0 is DefaultTimeout
	Retries  int           // after a failure other than "not found"; 0 is DefaultRetries, below 0 none
	Progress func(url string, done, total int64) error

	mu   sync.Mutex
	down map[string]failure // servers that did not answer
}

// Defaults. Timeout and retries are elfutils'; it has no limits of size and time by
// default. A kernel image with debugging information has up to 1 GB.
const (
	DefaultMaxSize = 4 << 30
	DefaultMaxTime = time.Hour
	DefaultTimeout = 90 * time.Second
	DefaultRetries = 2
)

// failure is why and when a server did not answer.
type failure struct {
	err error
	at  time.Time
}

// leaveAlone is how long a server that did not answer is not tried again. Otherwise
// every frame would have to wait for it.
const leaveAlone = 10 * time.Minute

// The kinds of files.
const (
	kindDebug = "debuginfo"
	kindCode  = "executable"
)

// EnvironmentDebuginfod returns the client that is configured by the variables of
// debuginfod-client-config(7), or nil if $DEBUGINFOD_URLS is not set. A value that is
// not a number counts as not set. Tags in between, such as "ima:enforcing", are not
// URLs, and signatures are not checked.
func EnvironmentDebuginfod() *Debuginfod {
	urls := slices.DeleteFunc(strings.Fields(os.Getenv("DEBUGINFOD_URLS")), func(s string) bool { return strings.HasPrefix(s, "ima:") })
	if len(urls) == 0 {
		return nil
	}
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(os.Getenv(name), 10, 64)
		return n
	}
	seconds := func(name string) time.Duration {
		return time.Duration(min(max(number(name), 0), int64(maxSeconds))) * time.Second
	}
	d := &Debuginfod{
		URLs:    urls,
		MaxSize: number("DEBUGINFOD_MAXSIZE"),
		MaxTime: seconds("DEBUGINFOD_MAXTIME"),
		Timeout: seconds("DEBUGINFOD_TIMEOUT"),
	}
	if s := os.Getenv("DEBUGINFOD_RETRY_LIMIT"); s != "" {
		if d.Retries = int(min(number("DEBUGINFOD_RETRY_LIMIT"), 16)); d.Retries == 0 {
			d.Retries = -1
		}
	}
	return d
}

// maxSeconds is a year, which is practically for ever and does not overflow.
const maxSeconds = 365 * 24 * 3600

// Get returns the path of the file of a kind for a build ID. The file is from the
// cache, or from the first server that has it. The error matches [fs.ErrNotExist] if no
// server has it. When ctx ends, Get returns its cause.
func (d *Debuginfod) Get(ctx context.Context, id, kind string) (path string, err error) {
	id = cleanID(id)
	if id == "" {
		return "", fmt.Errorf("debuginfod: no build ID: %w", fs.ErrInvalid)
	}
	e, err := d.entry(id, kind)
	if err != nil {
		return "", fmt.Errorf("debuginfod: %w", err)
	}
	if known, err := e.lookup(); known {
		if err != nil {
			return "", fmt.Errorf("debuginfod: %s of %s: %w", kind, id, err)
		}
		return e.path, nil
	}
	var all []error
	nowhere := true // every server said so
	for _, url := range d.URLs {
		err := d.fetch(ctx, url, e)
		if err == nil {
			return e.path, nil
		}
		if ctx.Err() != nil {
			return "", fmt.Errorf("debuginfod: %s of %s: %w", kind, id, context.Cause(ctx))
		}
		all = append(all, err)
		nowhere = nowhere && errors.Is(err, fs.ErrNotExist)
	}
	if nowhere {
		e.miss()
		return "", fmt.Errorf("debuginfod: %s of %s on %s: %w", kind, id, strings.Join(d.URLs, ", "), fs.ErrNotExist)
	}
	return "", fmt.Errorf("debuginfod: %s of %s: %w", kind, id, errors.Join(all...))
}

// errRefused: the limits or the callback ended the download, so there is no use in
// retrying.
var errRefused = errors.New("not loaded")

// fetch downloads a file from one server.
func (d *Debuginfod) fetch(ctx context.Context, server string, e entry) error {
	d.mu.Lock()
	failed, ok := d.down[server]
	d.mu.Unlock()
	if ok && time.Since(failed.at) < leaveAlone {
		return fmt.Errorf("%w (and not asked again for %s)", failed.err, leaveAlone)
	}
	retries := max(cmp.Or(d.Retries, DefaultRetries), 0)
	maxTime := cmp.Or(d.MaxTime, DefaultMaxTime)
	asked := ctx
	ctx, cancel := context.WithTimeoutCause(asked, maxTime, fmt.Errorf("not loaded within %s", maxTime))
	defer cancel()
	for {
		err := d.load(ctx, server, e)
		if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errRefused) || asked.Err() != nil {
			return err // the server is not to blame
		}
		if retries == 0 || ctx.Err() != nil {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.down == nil {
				d.down = make(map[string]failure)
			}
			d.down[server] = failure{err, time.Now()}
			return err
		}
		retries--
	}
}

// window is the number of bytes that must arrive within the timeout.
const window = 100 << 10

// load tries one server once, and stores the response in the cache.
func (d *Debuginfod) load(ctx context.Context, server string, e entry) error {
	url := strings.TrimSuffix(server, "/") + "/buildid/" + e.id + "/" + e.kind
	timeout, maxSize := cmp.Or(d.Timeout, DefaultTimeout), cmp.Or(d.MaxSize, DefaultMaxSize)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(timeout, func() { cancel(fmt.Errorf("%s: less than %d bytes in %s", url, window, timeout)) })
	defer timer.Stop()
	err := d.transfer(ctx, url, maxSize, e, func() { timer.Reset(timeout) })
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return fmt.Errorf("%s: %w", url, cause)
	}
	return err
}

// progress counts the bytes that arrive.
type progress struct {
	url   string
	total int64
	tell  func(url string, done, total int64) error // may be nil
	alive func()

	done, counted int64
	last          time.Time
}

// Write implements [io.Writer].
func (p *progress) Write(b []byte) (int, error) {
	p.done += int64(len(b))
	if p.done-p.counted >= window {
		p.counted = p.done
		p.alive()
	}
	if time.Since(p.last) >= 100*time.Millisecond {
		if err := p.report(p.done); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// report calls the user's function. If that returns an error, the download ends.
func (p *progress) report(done int64) error {
	p.last = time.Now()
	if p.tell == nil {
		return nil
	}
	if err := p.tell(p.url, done, p.total); err != nil {
		return fmt.Errorf("%s: %w: %w", p.url, errRefused, err)
	}
	return nil
}
