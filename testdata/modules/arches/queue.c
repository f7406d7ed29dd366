// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* First unit of the fixture: inlined chains, loops, cold parts. */
#include "queue.h"

static noinline int check(struct item *it, unsigned int max)
{
	MARK(0);
	if (__builtin_expect(it->size > max, 0)) {
		MARK(0);
		printk("item %p has %u bytes\n", it, it->size);
		if (it->next == it)
			panic("loop");
		return -1;
	}
	return 0;
}

struct item *queue_add(struct item **head, unsigned int size)
{
	struct item *it;

	it = item_alloc(size, __LINE__);
	if (!it)
		return 0;
	if (check(it, 512) < 0) {
		kfree(it);
		return 0;
	}
	MARK(0);
	it->next = *head;
	*head = it;
	return it;
}

void queue_free(struct item **head)
{
	struct item *it, *next;

	for (it = *head; it; it = next) {
		next = it->next;
		kfree(it);
	}
	*head = 0;
	MARK(0);
}

int queue_visit(struct item *head, int (*fn)(struct item *))
{
	int sum = 0;

	for (; head; head = head->next) {
		int n = fn(head);

		if (n < 0) {
			struct item *copy = item_alloc(head->size, __LINE__);

			if (copy)
				queue_add(&copy, 1);
			return n;
		}
		sum += n;
	}
	MARK(0);
	return sum;
}
