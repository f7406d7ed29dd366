// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

const (
	timerList = "/proc/timer_list"
	tickField = "jiffies: " // begins the line of timerList with the counter
)

// parseJiffies finds the tick counter in /proc/timer_list.
func parseJiffies(r io.Reader) (uint64, error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), tickField); ok {
			return strconv.ParseUint(strings.TrimSpace(value), 10, 64)
		}
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	return 0, errors.New(timerList + " has no line of jiffies: a container masks it (look for leaks outside of containers, or do not mask it, such as with docker run --security-opt systempaths=unconfined)")
}

// jiffiesError adds to err, from opening timerList, the cause and the remedy.
func jiffiesError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w (%w)", err, ErrNoProc)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (it is open to root only)", err)
	}
	return err
}

// Mark waits for the kernel's next tick and returns its number. It turns over what may
// hide what is allocated from then on.
func Mark(ctx context.Context, m Machine) (uint64, error) {
	const patience = 5 * time.Second
	before, err := m.Jiffies(ctx)
	if err != nil {
		return 0, err
	}
	for start := time.Now(); time.Since(start) < patience; time.Sleep(time.Millisecond) {
		now, err := m.Jiffies(ctx)
		if err != nil {
			return 0, err
		}
		if now != before {
			m.TurnOver(ctx)
			return now, nil
		}
	}
	return 0, errors.New("the counter stands still")
}
