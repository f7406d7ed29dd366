// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
)

// sheafed is a machine with such a setting.
type sheafed struct {
	Machine
	capacity string
	err      error
}

func (m sheafed) Setting(_ context.Context, name string) (string, error) {
	if name != Sheaves {
		return "", fs.ErrInvalid
	}
	return m.capacity, m.err
}

func TestTurnOverSheaves(t *testing.T) {
	for _, tt := range []struct {
		name   string
		m      sheafed
		err    error
		want   []string // words of the error
		turned bool
	}{
		{"an old kernel", sheafed{err: fs.ErrNotExist}, nil, nil, false},
		{"slab_debug=P", sheafed{capacity: "0"}, nil, nil, false},
		{"cannot be read", sheafed{err: fs.ErrPermission}, nil, []string{"could not be read", "permission"}, false},
		{"turned over", sheafed{capacity: "12"}, nil, []string{"from other caches", "slab_debug=P"}, true},
		{"not turned over", sheafed{capacity: "12"}, errElsewhere, []string{"most leaks", "slab_debug=P", "another machine"}, true},
	} {
		turned := false
		err := TurnOverSheaves(t.Context(), tt.m, func(context.Context) error { turned = true; return tt.err })
		if (err == nil) != (tt.want == nil) || turned != tt.turned || tt.err != nil && !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, turned over: %v", tt.name, err, turned)
		}
		for _, word := range tt.want {
			if err != nil && !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q does not say %q", tt.name, err, word)
			}
		}
	}
}
