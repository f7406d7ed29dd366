// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"fmt"
)

// Task is a thread.
type Task struct {
	PID   int    // thread ID in the initial PID namespace; 0 for those that idle
	Comm  string // name, verbatim: any bytes
	Stack Range  // kernel stack; its size is 0 if it is gone
	SP    uint64 // stack pointer, in Stack; what is below it is left from before; 0 if it is not known, or the thread runs

	fp, pc uint64 // of a thread that does not run, on machines that keep them: arm64
}

// taskLayout is where a struct task_struct has what is needed.
type taskLayout struct {
	tasks, signal, threadNode, pid, comm, stack field
	sp, fp, pc                                  field // the last two of arm64
	onCPU                                       field // it runs, so that these are old
	threads                                     field // in struct signal_struct
	size                                        uint64
	stackSize                                   uint64
}

const maxTasks = 1 << 23

func (k *Kernel) taskLayout() (l taskLayout, err error) {
	const source = "init/init_task.c"
	t, err := k.structOf("task_struct", source, map[string]*field{
		"tasks": &l.tasks, "signal": &l.signal, "thread_node": &l.threadNode, "pid": &l.pid, "comm": &l.comm, "stack": &l.stack,
	})
	if err != nil {
		return l, err
	}
	l.size, l.onCPU = t.Size, fieldOf(t, "on_cpu")
	if l.sp = fieldOf(t, "thread.sp"); !l.sp.ok {
		l.sp, l.fp, l.pc = fieldOf(t, "thread.cpu_context.sp"), fieldOf(t, "thread.cpu_context.fp"), fieldOf(t, "thread.cpu_context.pc")
	}
	if _, err = k.structOf("signal_struct", source, map[string]*field{"thread_head": &l.threads}); err != nil {
		return l, err
	}
	// THREAD_SIZE is a macro, but the linker makes room for the first thread's stack
	// (INIT_TASK_DATA in include/asm-generic/vmlinux.lds.h).
	for _, name := range []string{"init_stack", "init_task"} {
		start, ok1 := k.symbol("__start_" + name)
		end, ok2 := k.symbol("__end_" + name)
		if ok1 && ok2 {
			l.stackSize = end - start
			break
		}
	}
	if l.stackSize == 0 || l.stackSize > 1<<20 || l.stackSize&(l.stackSize-1) != 0 {
		return l, fmt.Errorf("size of stacks: %w: %#x bytes", ErrDamaged, l.stackSize)
	}
	return l, nil
}

// task decodes a struct task_struct.
func (l *taskLayout) task(b []byte) Task {
	t := Task{PID: int(int64(l.pid.in(b))), Comm: l.comm.text(b), SP: l.sp.in(b), fp: l.fp.in(b), pc: l.pc.in(b)}
	if addr := l.stack.in(b); addr != 0 {
		t.Stack = Range{addr, l.stackSize}
	}
	// A kernel for one processor does not tell which thread it runs.
	if !l.onCPU.ok || l.onCPU.in(b) != 0 || t.SP-t.Stack.Addr >= t.Stack.Size {
		t.SP, t.fp, t.pc = 0, 0, 0
	}
	return t
}

// Tasks returns all threads, in the order in which the kernel has them. Those that could
// be read are returned with the error.
func (k *Kernel) Tasks(ctx context.Context) (tasks []Task, err error) {
	err = k.guard(func() error {
		tasks, err = k.tasks(ctx)
		return err
	})
	return tasks, err
}

func (k *Kernel) tasks(ctx context.Context) ([]Task, error) {
	l, err := k.taskLayout()
	if err != nil {
		return nil, fmt.Errorf("threads: %w", err)
	}
	initTask, ok := k.symbol("init_task")
	if !ok {
		return nil, fmt.Errorf("threads: %s has no symbol init_task", k.file.Name)
	}
	var tasks []Task
	var bad problems
	b := make([]byte, l.size)
	add := func(at uint64) (signal uint64) {
		if err := k.mem.ReadAt(b, at); err != nil {
			bad.add(fmt.Errorf("thread at %#x: %w", at, err))
			return 0
		}
		tasks = append(tasks, l.task(b))
		return l.signal.in(b)
	}
	process := func(at uint64) error {
		signal := add(at)
		if signal == 0 {
			return nil
		}
		bad.add(k.list(ctx, fmt.Sprintf("threads of process %d", tasks[len(tasks)-1].PID), signal+l.threads.off, func(entry uint64) error {
			if len(tasks) > maxTasks {
				return fmt.Errorf("%w: more than %d threads", ErrDamaged, maxTasks)
			}
			if thread := entry - l.threadNode.off; thread != at {
				add(thread)
			}
			return nil
		}))
		return ctx.Err()
	}
	if err := process(initTask); err != nil {
		return tasks, err
	}
	bad.add(k.list(ctx, "processes", initTask+l.tasks.off, func(entry uint64) error { return process(entry - l.tasks.off) }))
	return tasks, bad.err()
}
