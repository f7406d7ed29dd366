// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"errors"
)

// maxReadings is how often data of a running kernel is read that does not fit together.
const maxReadings = 8

// settle calls read. The data of a running kernel changes meanwhile, so that pointers may
// lead to what is gone: what looks damaged then is read again, and is believed to be
// damaged only if that does not help.
func (k *Kernel) settle(ctx context.Context, read func() error) error {
	for n := 1; ; n++ {
		err := read()
		if err == nil || !k.mem.Info().Live || n == maxReadings || ctx.Err() != nil {
			return err
		}
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrAbsent) {
			return err
		}
	}
}
