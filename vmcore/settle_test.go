// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// liveSpace is memory that changes.
type liveSpace struct{ fakeSpace }

func (liveSpace) Info() Info { return Info{Live: true} }

// TestSettle reads data that does not fit together at first.
func TestSettle(t *testing.T) {
	other := errors.New("other")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name   string
		live   bool
		ctx    context.Context
		errs   []error // of one reading after the other; the last one remains
		want   error
		called int
	}{
		{"right at once", true, t.Context(), []error{nil}, nil, 1},
		{"right later", true, t.Context(), []error{ErrDamaged, fmt.Errorf("at 7: %w", ErrAbsent), nil}, nil, 3},
		{"never right", true, t.Context(), []error{ErrDamaged}, ErrDamaged, maxReadings},
		{"another error", true, t.Context(), []error{other}, other, 1},
		{"a dump", false, t.Context(), []error{ErrDamaged, nil}, ErrDamaged, 1},
		{"no more time", true, ended, []error{ErrDamaged, nil}, ErrDamaged, 1},
	} {
		k := newFake(nil)
		if c.live {
			k.mem = liveSpace{}
		}
		called := 0
		err := k.settle(c.ctx, func() error {
			called++
			return c.errs[min(called, len(c.errs))-1]
		})
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || called != c.called {
			t.Errorf("%s: %v after %d readings, want %v after %d", c.name, err, called, c.want, c.called)
		}
	}
}
