// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * leaky loses objects when it is told to, and can find them again. It obeys what
 * is written to its parameters:
 *
 *	leak=N    allocate N objects of 64 bytes and hide the only pointers to them
 *	other=N   the same from another function
 *	hide=0    show the pointers to all objects: they are leaks no more
 *	hide=1    hide them again
 *	free=1    free all objects
 *
 * A hidden pointer is stored inverted, so that kmemleak does not recognise it. All
 * objects are freed when the module is unloaded.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

struct lost {
	unsigned long next; /* inverted, unless shown; 0 at the end */
	char text[56];
};

/*
 * The objects have a cache of their own, which the constructor keeps apart: what
 * the allocator left in the neighbours would point to them in a shared one.
 */
static struct kmem_cache *cache;

static DEFINE_MUTEX(lock);
static unsigned long head;
static bool shown;

static void push(struct lost *l)
{
	memset(l->text, 'L', sizeof(l->text));
	l->next = head;
	head = shown ? (unsigned long)l : ~(unsigned long)l;
}

/* Pointers that remain on a stack would hide the objects. */
static noinline void scrub_stack(int depth)
{
	char bytes[1024];

	memset(bytes, 0, sizeof(bytes));
	barrier_data(bytes);
	if (depth)
		scrub_stack(depth - 1);
	barrier_data(bytes);
}

static noinline int lose_one(void)
{
	struct lost *l = kmem_cache_alloc(cache, GFP_KERNEL); /* leak: lose_one */

	if (!l)
		return -ENOMEM;
	push(l);
	return 0;
}

static noinline int lose_another(void)
{
	struct lost *l = kmem_cache_alloc(cache, GFP_KERNEL); /* leak: lose_another */

	if (!l)
		return -ENOMEM;
	push(l);
	return 0;
}

struct order {
	unsigned int n;
	int (*lose)(void);
	int err;
	struct completion done;
};

static int obey(void *data)
{
	struct order *order = data;
	struct lost *decoys[32];
	int i;

	/*
	 * The allocator gives out first what was freed last, to which stale
	 * pointers lead, such as kthreadd's to what it knew of this thread.
	 */
	for (i = 0; i < ARRAY_SIZE(decoys); i++)
		decoys[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	mutex_lock(&lock);
	while (!order->err && order->n--)
		order->err = order->lose();
	mutex_unlock(&lock);
	for (i = 0; i < ARRAY_SIZE(decoys); i++)
		if (decoys[i])
			kmem_cache_free(cache, decoys[i]);
	scrub_stack(3);
	complete(&order->done);
	return 0;
}

/* A thread of its own makes backtraces short, and big reports fast to read. */
static int repeat(const char *number, int (*lose)(void))
{
	struct order order = { .lose = lose };
	struct task_struct *thread;
	int err = kstrtouint(number, 0, &order.n);

	if (err)
		return err;
	init_completion(&order.done);
	thread = kthread_run(obey, &order, "leaky");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	wait_for_completion(&order.done);
	return order.err;
}

static int leak_set(const char *number, const struct kernel_param *unused)
{
	return repeat(number, lose_one);
}

static int other_set(const char *number, const struct kernel_param *unused)
{
	return repeat(number, lose_another);
}

static void set_shown(bool show)
{
	unsigned long *link = &head;

	while (*link) {
		unsigned long l = shown ? *link : ~*link;

		*link = show ? l : ~l;
		link = &((struct lost *)l)->next;
	}
	shown = show;
}

static int hide_set(const char *number, const struct kernel_param *unused)
{
	bool hide;
	int err = kstrtobool(number, &hide);

	if (err)
		return err;
	mutex_lock(&lock);
	set_shown(!hide);
	mutex_unlock(&lock);
	scrub_stack(3);
	return 0;
}

static void free_all(void)
{
	mutex_lock(&lock);
	while (head) {
		struct lost *l = (struct lost *)(shown ? head : ~head);

		head = l->next;
		kmem_cache_free(cache, l);
	}
	mutex_unlock(&lock);
	scrub_stack(3);
}

static int free_set(const char *unused, const struct kernel_param *unused_too)
{
	free_all();
	return 0;
}

static const struct kernel_param_ops leak_ops = { .set = leak_set };
static const struct kernel_param_ops other_ops = { .set = other_set };
static const struct kernel_param_ops hide_ops = { .set = hide_set };
static const struct kernel_param_ops free_ops = { .set = free_set };

module_param_cb(leak, &leak_ops, NULL, 0200);
module_param_cb(other, &other_ops, NULL, 0200);
module_param_cb(hide, &hide_ops, NULL, 0200);
module_param_cb(free, &free_ops, NULL, 0200);

static void nothing(void *unused)
{
}

static int __init leaky_init(void)
{
	cache = kmem_cache_create("leaky_lost", sizeof(struct lost), 0, 0, nothing);
	return cache ? 0 : -ENOMEM;
}

static void __exit leaky_exit(void)
{
	free_all();
	kmem_cache_destroy(cache);
}

module_init(leaky_init);
module_exit(leaky_exit);
MODULE_DESCRIPTION("Loses objects when told to");
MODULE_LICENSE("Dual BSD/GPL");
