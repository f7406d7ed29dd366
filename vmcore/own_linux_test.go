// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"os"
	"testing"
)

func TestOwn(t *testing.T) {
	var o own
	if err := o.add(); err != nil {
		t.Skip("is run by another test (try: make integration)") // as TestIntegrationMemory, with all rights
	}
	if !o.threads[os.Getpid()] {
		t.Errorf("not thread %d: %v", os.Getpid(), o.threads)
	}
	if len(o.pages) == 0 {
		t.Error("no pages")
	}
}
