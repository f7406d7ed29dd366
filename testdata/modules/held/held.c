// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * held holds objects in the places where a pointer can hide a leak, one object in each,
 * and leaks a list. The objects have a size of their own each, by which a test knows them:
 *
 *	1100	a global variable of the module
 *	1200	a field of a structure in its .bss
 *	1300	a per-CPU variable
 *	1400	the stack of a thread that sleeps
 *	1500	a field of another object, of 1150 bytes, which a variable holds
 *	1600	a variable, which points to its middle
 *	1700	a list of the kernel itself, of what is called before a reboot
 *
 * The list has a head, which nothing points to but its nodes.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/percpu.h>
#include <linux/reboot.h>
#include <linux/slab.h>

struct node {
	unsigned long number;
	struct list_head link;
	char text[40];
};

struct queue {
	struct list_head nodes;
	unsigned int length;
};

#define LENGTH 1000

struct owner {
	char name[16];
	struct {
		int uses;
		void *object;
	} slots[4];
	char rest[1150 - 80];
};

struct caller {
	struct notifier_block block;
	char rest[1700 - sizeof(struct notifier_block)];
};

static struct {
	unsigned long generation;
	struct {
		char label[8];
		void *object;
	} inner;
} held_state __used;

void *held_global = &held_state; /* not 0, so that it is in .data */
static DEFINE_PER_CPU(void *, held_here);
static char *held_middle __used; /* only written to */
static struct owner *held_owner __used;
static struct task_struct *held_thread __used;

static int call(struct notifier_block *block, unsigned long event, void *data)
{
	return NOTIFY_DONE;
}

static noinline int hold(void)
{
	struct caller *caller = kzalloc(sizeof(*caller), GFP_KERNEL);

	held_global = kzalloc(1100, GFP_KERNEL);
	held_state.inner.object = kzalloc(1200, GFP_KERNEL);
	this_cpu_write(held_here, kzalloc(1300, GFP_KERNEL));
	held_owner = kzalloc(sizeof(*held_owner), GFP_KERNEL);
	held_middle = kzalloc(1600, GFP_KERNEL);
	if (!caller || !held_global || !held_state.inner.object || !this_cpu_read(held_here) || !held_owner || !held_middle)
		return -ENOMEM;
	held_middle += 800;
	held_owner->slots[2].object = kzalloc(1500, GFP_KERNEL);
	caller->block.notifier_call = call;
	return register_reboot_notifier(&caller->block);
}

static noinline int hold_on_stack(void *unused)
{
	void *object = kzalloc(1400, GFP_KERNEL);

	while (!kthread_should_stop()) {
		barrier_data(&object);
		msleep_interruptible(1000);
	}
	kfree(object);
	return 0;
}

static noinline int lose_queue(void *unused)
{
	struct queue *queue = kzalloc(sizeof(*queue), GFP_KERNEL);
	int i;

	if (!queue)
		return -ENOMEM;
	INIT_LIST_HEAD(&queue->nodes);
	for (i = 0; i < LENGTH; i++) {
		struct node *node = kzalloc(sizeof(*node), GFP_KERNEL);

		if (!node)
			return -ENOMEM;
		node->number = i;
		list_add_tail(&node->link, &queue->nodes);
		queue->length++;
	}
	return 0;
}

static int __init held_init(void)
{
	struct task_struct *loser;
	int err = hold();

	if (err)
		return err;
	loser = kthread_run(lose_queue, NULL, "held_loser");
	held_thread = kthread_run(hold_on_stack, NULL, "held_keeper");
	return PTR_ERR_OR_ZERO(loser) ?: PTR_ERR_OR_ZERO(held_thread);
}

/* There is no exit: what would free the list is lost. */
module_init(held_init);
MODULE_DESCRIPTION("Holds objects where pointers can hide leaks");
MODULE_LICENSE("Dual BSD/GPL");
