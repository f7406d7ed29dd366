// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"
)

// A Transport is the type of the root package, which documents it.
type Transport interface {
	Run(ctx context.Context, script string, stdout io.Writer) error
}

// Remote returns the machine behind a transport. path is as for [Local].
func Remote(t Transport, path string) Machine { return remote{t, path} }

// remote is the machine behind a transport.
type remote struct {
	transport Transport
	path      string
}

// Each line that a script prints is marked to distinguish it from other lines. The
// last one is the status, so that a cut is noticed. Signals that are ignored can
// never be pending and cut a scan short.
const (
	scriptMark = "|"
	scriptEnd  = "= "
	scriptForm = `LC_ALL=C; export LC_ALL; trap '' HUP INT QUIT PIPE ALRM TERM USR1 USR2; { { %s; } 2>&1; echo "` + scriptEnd + `$?"; } | sed 's/^/` + scriptMark + `/'` + "\n"
)

// run runs a script and copies its output, without the marks, to w.
func (r remote) run(ctx context.Context, body string, w io.Writer) (status string, err error) {
	out := &markedWriter{w: w}
	if err := r.transport.Run(ctx, fmt.Sprintf(scriptForm, body), out); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx) // the error of a killed command says nothing else
		}
		return "", fmt.Errorf("transport: %w", err)
	}
	status, ended := strings.CutPrefix(string(out.last), scriptEnd)
	switch {
	case out.err != nil:
		return "", out.err
	case !ended:
		return "", fmt.Errorf("transport: the output of the script was cut off: %w", io.ErrUnexpectedEOF)
	}
	return status, nil
}

// output runs a script that must succeed.
func (r remote) output(ctx context.Context, body string) (string, error) {
	var b bytes.Buffer
	status, err := r.run(ctx, body, &b)
	if err != nil {
		return "", err
	}
	if status != "0" {
		return "", scriptError(b.String(), status)
	}
	return b.String(), nil
}

// A markedWriter passes on marked lines, but for the last one.
type markedWriter struct {
	w       io.Writer
	line    []byte // the one that is not complete yet
	last    []byte // the last marked one
	hasLast bool
	err     error
}

func (m *markedWriter) Write(p []byte) (int, error) {
	n := len(p)
	for m.err == nil {
		at := bytes.IndexByte(p, '\n')
		if at < 0 {
			break
		}
		m.end(append(m.line, p[:at]...))
		m.line, p = m.line[:0], p[at+1:]
	}
	if m.err == nil && len(m.line)+len(p) > 1<<20 {
		m.err = errors.New("transport: a line of more than 1 MiB")
	}
	if m.err != nil {
		return 0, m.err
	}
	m.line = append(m.line, p...)
	return n, nil
}

// end handles a complete line.
func (m *markedWriter) end(line []byte) {
	line, ok := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\r")), []byte(scriptMark))
	if !ok {
		return
	}
	if m.hasLast {
		_, m.err = m.w.Write(append(m.last, '\n'))
	}
	m.last, m.hasLast = append(m.last[:0], line...), true
}

// scriptError returns the error for the output of a failed script, which ends with the
// text of the system's error in English.
func scriptError(output, status string) error {
	output = strings.TrimSpace(output)
	for _, known := range []struct {
		text string
		err  error
	}{
		{"No such file or directory", fs.ErrNotExist},
		{"Permission denied", fs.ErrPermission},
		{"Operation not permitted", syscall.EPERM},
		{"Device or resource busy", syscall.EBUSY},
		{"Resource busy", syscall.EBUSY},
		{"Invalid argument", syscall.EINVAL},
		{"Read-only file system", syscall.EROFS},
	} {
		if strings.HasSuffix(output, known.text) {
			return &remoteError{output, known.err}
		}
	}
	return &remoteError{fmt.Sprintf("%s (status %s)", output, status), nil}
}

// remoteError is an error of the other machine.
type remoteError struct {
	text string
	err  error // what it is; nil if not known
}

func (e *remoteError) Error() string { return fmt.Sprintf("the other machine says: %q", e.text) }
func (e *remoteError) Unwrap() error { return e.err }

// quote returns s as one word of the shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// find returns the path of the control file.
func (r remote) find(ctx context.Context) (string, error) {
	if r.path != "" {
		return r.path, nil
	}
	text, err := r.output(ctx, "cat /proc/self/mountinfo")
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: look for debugfs: %w (%w)", ErrUnavailable, err, ErrNoProc)
	}
	if err != nil {
		return "", err
	}
	mounts, err := parseMounts(strings.NewReader(text))
	if err != nil {
		return "", err
	}
	for _, m := range mounts {
		if file, ok := m.control(); ok {
			return file, nil
		}
	}
	return "", notMounted(" on the other machine", "")
}

func (r remote) Command(ctx context.Context, word string) error {
	path, err := r.find(ctx)
	if err != nil {
		return err
	}
	// The shell would make a missing file. Another process writes the word, because
	// not every shell reports why its own writing failed.
	_, err = r.output(ctx, fmt.Sprintf("{ [ -e %[1]s ] || { echo No such file or directory; false; } } && printf %%s %[2]s | cat >%[1]s", quoteFile(path), quote(word)))
	if errors.Is(err, syscall.EROFS) {
		return readOnly(err, path)
	}
	return controlError(err)
}

// quoteFile is quote for the name of a file, which may begin with '-'.
func quoteFile(path string) string {
	if !strings.HasPrefix(path, "/") {
		path = "./" + path
	}
	return quote(path)
}

// controlError returns what an error of the control file means.
func controlError(err error) error {
	var e *remoteError
	if !errors.As(err, &e) {
		return err
	}
	// cat says "write error", the shell "cannot create" or "can't open".
	writing := strings.Contains(e.text, "write")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w (its kernel was built without CONFIG_DEBUG_KMEMLEAK, or debugfs is not mounted there)", ErrUnavailable, err)
	case e.err == syscall.EBUSY, e.err == syscall.EPERM && writing:
		return fmt.Errorf("%w on the other machine, since boot or by itself (only a reboot switches it on again)", ErrDisabled)
	case e.err == syscall.EPERM:
		return fmt.Errorf("%w (kernel lockdown closes the file to everybody)", err)
	}
	return err
}

func (r remote) Scan(ctx context.Context) error {
	if err := r.Command(ctx, "scan"); err != nil {
		return err
	}
	return Probe(ctx, r)
}

func (r remote) Open(ctx context.Context) (io.ReadCloser, error) {
	path, err := r.find(ctx)
	if err != nil {
		return nil, err
	}
	return r.stream(ctx, "cat "+quoteFile(path)), nil
}

// stream returns the output of a script as it comes.
func (r remote) stream(ctx context.Context, body string) io.ReadCloser {
	out, in := io.Pipe()
	s := &remoteStream{PipeReader: out, ended: make(chan bool)}
	go func() {
		defer close(s.ended)
		var tail lastLine
		buffered := bufio.NewWriterSize(in, 64<<10)
		status, err := r.run(ctx, body, io.MultiWriter(buffered, &tail))
		buffered.Flush() // fails only if nobody reads
		if err == nil && status != "0" {
			err = controlError(scriptError(string(tail.line), status))
		}
		in.CloseWithError(err)
	}()
	return s
}

type remoteStream struct {
	*io.PipeReader
	ended chan bool
}

// Close waits for the end of the script, as calls of a transport do not overlap.
func (s *remoteStream) Close() error {
	err := s.PipeReader.Close()
	<-s.ended
	return err
}

// lastLine keeps the last thing written.
type lastLine struct{ line []byte }

func (l *lastLine) Write(p []byte) (int, error) {
	l.line = append(l.line[:0], p...)
	return len(p), nil
}

func (r remote) Jiffies(ctx context.Context) (uint64, error) {
	text, err := r.output(ctx, "sed -n '/^"+tickField+"/{p;q;}' "+timerList)
	if err != nil {
		return 0, jiffiesError(err)
	}
	return parseJiffies(strings.NewReader(text))
}

func (r remote) Setting(ctx context.Context, name string) (string, error) {
	script := "cat " + quote(name)
	if name == timerList { // which is long, and of use for its head
		script = "sed -n '/^now at /p;/^" + tickField + "/{p;q;}' " + timerList
	}
	text, err := r.output(ctx, script)
	return strings.TrimSpace(text), err
}

// TurnOver does nothing: shells have no means for it.
func (remote) TurnOver(context.Context) {}

// TurnOverSheaves only says what is hidden, for the same reason.
func (r remote) TurnOverSheaves(ctx context.Context) error {
	return TurnOverSheaves(ctx, r, func(context.Context) error { return errElsewhere })
}

var errElsewhere = errors.New("there is no means for it on another machine")

func (r remote) Barrier(ctx context.Context) {
	_, _ = r.output(ctx, fmt.Sprintf("[ ! -e %[1]s ] || echo 1 >%[1]s", rcuBarrier))
}

func (r remote) ScanThread(ctx context.Context) (bool, error) {
	// Processes end while they are listed.
	text, err := r.output(ctx, "cat /proc/[0-9]*/stat 2>/dev/null || true")
	if err != nil {
		return false, err
	}
	return scanThread(bytes.Lines([]byte(text)))
}

func (r remote) Dump(ctx context.Context, addr uint64) ([]LogRecord, error) {
	path, err := r.find(ctx)
	if err != nil {
		return nil, err
	}
	mark := fmt.Sprintf("dump of 0x%x is asked for", addr)
	text, err := r.output(ctx, fmt.Sprintf("echo %s >/dev/kmsg && printf %%s dump=0x%x | cat >%s && dmesg | sed -n '/%s/,$p'",
		quote(mark), addr, quoteFile(path), mark))
	if errors.Is(err, syscall.EINVAL) {
		return nil, ErrNoObject
	}
	if err != nil {
		return nil, controlError(err)
	}
	at := strings.LastIndex(text, mark)
	if at < 0 {
		return nil, errors.New("the kernel's log there does not show what it was asked for: printk.devkmsg=off, or newer lines have overwritten it")
	}
	text = text[at+len(mark):]
	var records []LogRecord
	for line := range strings.Lines(text) {
		records = append(records, LogRecord{Text: trimStamps(strings.TrimSuffix(line, "\n"))})
	}
	return records, nil
}

// trimStamps removes the time and the caller from a line of dmesg.
func trimStamps(line string) string {
	for strings.HasPrefix(line, "[") {
		_, rest, ok := strings.Cut(line, "]")
		if !ok {
			break
		}
		line = rest
	}
	return strings.TrimPrefix(line, " ")
}

func (r remote) Lock(context.Context, func()) (func(), error) { return func() {}, nil }
func (r remote) Watch() (Watcher, error)                      { return nil, ErrUnwatched }
func (r remote) Apart(f func())                               { f() }
func (r remote) NoteStopped(bool)                             {}
func (r remote) WasStopped() bool                             { return false }

func (r remote) Load(ctx context.Context, file string) error {
	_, err := r.output(ctx, "insmod "+quoteFile(file))
	return err
}

func (r remote) Unload(ctx context.Context, file string) error {
	_, err := r.output(ctx, "rmmod "+quote(ModuleName(file)))
	return err
}
