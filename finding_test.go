// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFindingTexts(t *testing.T) {
	got := fmt.Sprint(FateUnknown, FateFreed, FateReferenced, FateCleared, Fate(9), StageQueueing, StageAging, StageScanning, StageReading, Stage(9))
	if diff := cmp.Diff("unknown freed referenced cleared unknown queueing aging scanning reading unknown", got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An object is the same in another reading, whatever the kernel prints anew.
func TestIdentity(t *testing.T) {
	l := Leak{Addr: 1, Size: 8, Comm: "a", PID: 2, Jiffies: 3}
	again := l
	again.Age, again.Data, again.Backtrace, again.Calls = 5, []byte{1}, frames("f+0x1/0x2"), make([]Call, 1)
	if identityOf(l) != identityOf(again) {
		t.Error("it is taken for another object")
	}
	for _, change := range []func(*Leak){
		func(l *Leak) { l.Addr++ }, func(l *Leak) { l.Size++ }, func(l *Leak) { l.Comm = "b" }, func(l *Leak) { l.PID++ }, func(l *Leak) { l.Jiffies++ },
	} {
		other := l
		if change(&other); identityOf(l) == identityOf(other) {
			t.Errorf("%+v is taken for the same object", other)
		}
	}
}
