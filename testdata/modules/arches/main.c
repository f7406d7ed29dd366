// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* Second unit of the fixture: code in the sections of a module, tail calls. */
#include "queue.h"

static struct item *items;

static int first_char(struct item *it)
{
	MARK(0);
	return it->name[0] - 'a';
}

static noinline void *refill(unsigned int n)
{
	MARK(0);
	queue_add(&items, n);
	return queue_add(&items, n * 2);	/* a tail call */
}

static void __attribute__((cold)) noinline complain(int err)
{
	MARK(0);
	printk("queue: error %d\n", err);
}

int queue_poll(unsigned int n)
{
	int err;

	if (!refill(n)) {
		complain(-12);
		return -12;
	}
	err = queue_visit(items, first_char);
	if (err < 0)
		complain(err);
	return err;
}

int __init queue_init(void)
{
	struct item *it = item_alloc(32, __LINE__);

	MARK(0);
	if (!it)
		return -12;
	it->next = items;
	items = it;
	return queue_poll(64);
}

void __exit queue_exit(void)
{
	MARK(0);
	queue_free(&items);
}
