// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"errors"
	"strings"
	"testing"
)

// TestMemoryTasks compares with what every kernel has.
func TestMemoryTasks(t *testing.T) {
	d := openMemory(t)
	tasks, err := d.kernel.Tasks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]Task)
	for _, task := range tasks {
		byName[task.Comm] = task
	}
	for name, pid := range map[string]int{"swapper/0": 0, "kthreadd": 2, "held_keeper": -1} {
		task, ok := byName[name]
		if !ok || pid >= 0 && task.PID != pid || task.Stack.Size < 1<<13 {
			t.Errorf("%s: %+v", name, task)
		}
		if name != "swapper/0" && task.SP-task.Stack.Addr >= task.Stack.Size {
			t.Errorf("%s: stack pointer %#x is not in %#x", name, task.SP, task.Stack)
		}
	}
	if _, err := d.kernel.structOf("task_struct", "init/init_task.c", map[string]*field{"no_such": new(field)}); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "no_such") {
		t.Errorf("%v", err)
	}
}
