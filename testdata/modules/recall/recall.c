// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * recall loses objects in the ways in which drivers do, without care for what is left
 * on stacks and in caches: how many of them does a search find? It obeys what is
 * written to its parameter:
 *
 *	lose=KIND   lose an object, or a few, in the function lose_KIND
 *
 * It also keeps objects that scans must not take for leaks: all from a function
 * whose name begins with keep_.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/percpu.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

struct thing {
	struct list_head link;
	struct thing *next;
	struct rb_node node;
	char text[64];
};

#define MANY 100

static struct kmem_cache *cache;

static noinline int lose_kmalloc(void)
{
	char *text = kmalloc(100, GFP_KERNEL);

	if (!text)
		return -ENOMEM;
	strscpy(text, "lost", 100);
	return 0;
}

static noinline int lose_kzalloc(void)
{
	return kzalloc(sizeof(struct thing), GFP_KERNEL) ? 0 : -ENOMEM;
}

static noinline int lose_large(void)
{
	return kmalloc(3000, GFP_KERNEL) ? 0 : -ENOMEM;
}

static noinline int lose_strdup(void)
{
	return kstrdup("a name of a device", GFP_KERNEL) ? 0 : -ENOMEM;
}

static noinline int lose_vmalloc(void)
{
	return vmalloc(5 * PAGE_SIZE) ? 0 : -ENOMEM;
}

static noinline int lose_cache(void)
{
	struct thing *t = kmem_cache_alloc(cache, GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	t->next = NULL;
	return 0;
}

/* Each but the first is reachable from the one before. */
static noinline int lose_chain(void)
{
	struct thing *first = NULL;
	int i;

	for (i = 0; i < MANY; i++) {
		struct thing *t = kzalloc(sizeof(*t), GFP_KERNEL);

		if (!t)
			return -ENOMEM;
		t->next = first;
		first = t;
	}
	return 0;
}

/* Each is reachable from all others. */
static noinline int lose_circle(void)
{
	struct thing *head = kzalloc(sizeof(*head), GFP_KERNEL);
	int i;

	if (!head)
		return -ENOMEM;
	INIT_LIST_HEAD(&head->link);
	for (i = 1; i < MANY; i++) {
		struct thing *t = kzalloc(sizeof(*t), GFP_KERNEL);

		if (!t)
			return -ENOMEM;
		list_add_tail(&t->link, &head->link);
	}
	return 0;
}

static noinline int lose_percpu(void)
{
	return alloc_percpu(struct list_head) ? 0 : -ENOMEM;
}

static void released(struct percpu_ref *ref)
{
}

/* percpu_ref_init allocates two objects, which only the third one knows. */
static noinline int lose_ref(void)
{
	struct percpu_ref *ref = kzalloc(sizeof(*ref), GFP_KERNEL);
	int err;

	if (!ref)
		return -ENOMEM;
	err = percpu_ref_init(ref, released, 0, GFP_KERNEL);
	barrier(); /* no jump, which would take this function out of the backtrace */
	return err;
}

static DECLARE_COMPLETION(done);

static noinline void lose_kthread(void)
{
	void *lost = kmalloc(200, GFP_KERNEL);

	barrier_data(lost);
}

static int thread(void *unused)
{
	lose_kthread();
	complete(&done);
	return 0;
}

static int in_kthread(void)
{
	struct task_struct *t = kthread_run(thread, NULL, "recall");

	if (IS_ERR(t))
		return PTR_ERR(t);
	wait_for_completion(&done);
	return 0;
}

static noinline void lose_work(void)
{
	void *lost = kmalloc(220, GFP_KERNEL);

	barrier_data(lost);
}

static void work(struct work_struct *unused)
{
	lose_work();
	complete(&done);
}

static DECLARE_WORK(the_work, work);

static int in_work(void)
{
	schedule_work(&the_work);
	wait_for_completion(&done);
	return 0;
}

static noinline void lose_timer(void)
{
	void *lost = kmalloc(240, GFP_ATOMIC);

	barrier_data(lost);
}

static void tick(struct timer_list *unused)
{
	lose_timer();
	complete(&done);
}

static DEFINE_TIMER(the_timer, tick);

static int in_timer(void)
{
	mod_timer(&the_timer, jiffies + 2);
	wait_for_completion(&done);
	return 0;
}

static const struct {
	const char *kind;
	int (*lose)(void);
} kinds[] = {
	{ "kmalloc", lose_kmalloc },
	{ "kzalloc", lose_kzalloc },
	{ "large", lose_large },
	{ "strdup", lose_strdup },
	{ "vmalloc", lose_vmalloc },
	{ "cache", lose_cache },
	{ "chain", lose_chain },
	{ "circle", lose_circle },
	{ "percpu", lose_percpu },
	{ "ref", lose_ref },
	{ "kthread", in_kthread },
	{ "work", in_work },
	{ "timer", in_timer },
};

static noinline int lose_set(const char *kind, const struct kernel_param *unused)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (sysfs_streq(kind, kinds[i].kind))
			return kinds[i].lose();
	return -EINVAL;
}

static const struct kernel_param_ops lose_ops = { .set = lose_set };

module_param_cb(lose, &lose_ops, NULL, 0200);

/* Known by a global variable, by an object, in the middle, by one processor's variable. */
static struct thing *kept;
static LIST_HEAD(kept_list);
static DEFINE_PER_CPU(void *, kept_here);
static char *kept_middle;
static struct task_struct *keepers[5];

static noinline int keep_objects(void)
{
	int i;

	kept = kzalloc(sizeof(*kept), GFP_KERNEL);
	kept_middle = kmalloc(200, GFP_KERNEL);
	this_cpu_write(kept_here, kmalloc(50, GFP_KERNEL));
	if (!kept || !kept_middle || !this_cpu_read(kept_here))
		return -ENOMEM;
	kept_middle += 100;
	kept->next = kmem_cache_zalloc(cache, GFP_KERNEL);
	for (i = 0; i < MANY; i++) {
		struct thing *t = kzalloc(sizeof(*t), GFP_KERNEL);

		if (!t)
			return -ENOMEM;
		list_add(&t->link, &kept_list);
	}
	return 0;
}

/* Known by the stack of a thread that sleeps. A stale value may point to one of them, too. */
static noinline int keep_on_stack(void *unused)
{
	void *object = kmalloc(150, GFP_KERNEL);

	while (!kthread_should_stop()) {
		barrier_data(&object);
		msleep_interruptible(1000);
	}
	kfree(object);
	return 0;
}

static int __init recall_init(void)
{
	int err, i;

	cache = kmem_cache_create("recall_thing", sizeof(struct thing), 0, 0, NULL);
	if (!cache)
		return -ENOMEM;
	err = keep_objects();
	if (err)
		return err;
	for (i = 0; i < ARRAY_SIZE(keepers); i++) {
		keepers[i] = kthread_run(keep_on_stack, NULL, "recall_keeper");
		if (IS_ERR(keepers[i]))
			return PTR_ERR(keepers[i]);
	}
	return 0;
}

/* There is no exit: the module cannot be unloaded, since it lost its objects. */
module_init(recall_init);
MODULE_DESCRIPTION("Loses objects in the ways in which drivers do");
MODULE_LICENSE("Dual BSD/GPL");
