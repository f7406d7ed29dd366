// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * held holds objects in the places where a pointer can hide a leak, one object in each,
 * and leaks some lists. Each object has a label, which starts LABEL bytes from its start:
 *
 *	global	a global variable of the module
 *	bss	a field of a structure in its .bss
 *	percpu	a per-CPU variable
 *	stack	the stack of a thread that sleeps
 *	owner	a variable
 *	field	a field of the object called owner
 *	middle	a variable, which points to its middle
 *	list	a list of the kernel itself, of what is called before a reboot
 *
 * Each of the lists that are leaked has a head, which nothing points to but its nodes.
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
#include <linux/string.h>

struct node {
	unsigned long number;
	struct list_head link;
	char text[40];
};

struct queue {
	struct list_head nodes;
	unsigned int length;
};

#define LISTS 3
#define LENGTH 1000

#define LABEL 32
#define SIZE 700

struct owner {
	char name[64];
	struct {
		int uses;
		void *object;
	} slots[4];
};

struct caller {
	struct notifier_block block;
	char name[64];
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

static noinline void *labelled(const char *label, size_t size)
{
	char *object = kzalloc(size, GFP_KERNEL);

	if (object)
		strscpy(object + LABEL, label, 32);
	return object;
}

static noinline int hold(void)
{
	struct caller *caller = labelled("list", sizeof(*caller));

	held_global = labelled("global", SIZE);
	held_state.inner.object = labelled("bss", SIZE);
	this_cpu_write(held_here, labelled("percpu", SIZE));
	held_owner = labelled("owner", sizeof(*held_owner));
	held_middle = labelled("middle", SIZE);
	if (!caller || !held_global || !held_state.inner.object || !this_cpu_read(held_here) || !held_owner || !held_middle)
		return -ENOMEM;
	held_middle += SIZE / 2;
	held_owner->slots[2].object = labelled("field", SIZE);
	caller->block.notifier_call = call;
	return register_reboot_notifier(&caller->block);
}

static noinline int hold_on_stack(void *unused)
{
	void *object = labelled("stack", SIZE);

	while (!kthread_should_stop()) {
		barrier_data(&object);
		msleep_interruptible(1000);
	}
	kfree(object);
	return 0;
}

static noinline int lose_queue(void)
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

static int lose_queues(void *unused)
{
	int i, err = 0;

	for (i = 0; i < LISTS && !err; i++)
		err = lose_queue();
	return err;
}

static int __init held_init(void)
{
	struct task_struct *loser;
	int err = hold();

	if (err)
		return err;
	loser = kthread_run(lose_queues, NULL, "held_loser");
	held_thread = kthread_run(hold_on_stack, NULL, "held_keeper");
	return PTR_ERR_OR_ZERO(loser) ?: PTR_ERR_OR_ZERO(held_thread);
}

/* There is no exit: what would free the lists is lost. */
module_init(held_init);
MODULE_DESCRIPTION("Holds objects where pointers can hide leaks");
MODULE_LICENSE("Dual BSD/GPL");
