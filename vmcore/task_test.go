// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTask has threads of which the stack pointer is known, or not.
func TestTask(t *testing.T) {
	types := moduleTypes(t, "6.12-arm64")
	s, err := types.Struct("task_struct", "")
	if err != nil {
		t.Fatal(err)
	}
	l := taskLayout{
		pid: fieldOf(s, "pid"), comm: fieldOf(s, "comm"), stack: fieldOf(s, "stack"), onCPU: fieldOf(s, "on_cpu"),
		sp: fieldOf(s, "thread.cpu_context.sp"), fp: fieldOf(s, "thread.cpu_context.fp"), pc: fieldOf(s, "thread.cpu_context.pc"), stackSize: 0x4000,
	}
	single := l
	single.onCPU = field{}
	stack := Range{0x10000, 0x4000}
	for _, c := range []struct {
		name             string
		l                taskLayout
		stack, sp, onCPU uint64
		want             Task
	}{
		{"it waits", l, 0x10000, 0x13f00, 0, Task{Stack: stack, SP: 0x13f00, fp: 8, pc: 9}},
		{"it runs", l, 0x10000, 0x13f00, 1, Task{Stack: stack}},
		{"it may run", single, 0x10000, 0x13f00, 0, Task{Stack: stack}},
		{"a stack pointer below the stack", l, 0x10000, 0xfff8, 0, Task{Stack: stack}},
		{"a stack pointer behind the stack", l, 0x10000, 0x14000, 0, Task{Stack: stack}},
		{"a stack that is gone", l, 0, 0x13f00, 0, Task{}},
	} {
		b := make([]byte, s.Size)
		put := func(f field, v uint64) {
			for i := range f.size {
				b[f.off+i] = byte(v >> (8 * i))
			}
		}
		put(l.pid, ^uint64(0))
		copy(b[l.comm.off:], "thread\x00rest")
		put(l.stack, c.stack)
		put(l.sp, c.sp)
		put(l.fp, 8)
		put(l.pc, 9)
		put(l.onCPU, c.onCPU)
		c.want.PID, c.want.Comm = -1, "thread"
		if diff := cmp.Diff(c.want, c.l.task(b), cmp.AllowUnexported(Task{})); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.name, diff)
		}
	}
}

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
