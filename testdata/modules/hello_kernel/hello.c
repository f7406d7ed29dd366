// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * hello_kernel loses eight objects when it is loaded: three virtually mapped
 * pages in myfunc, and five greetings behind two inlined functions.
 *
 * What makes it a good test: gcc turns the last call of myfunc into a jump, so
 * myfunc is missing from that backtrace; hello_init lies in memory that is freed
 * before anybody reads the report, so it is printed as a bare address; and gcc
 * gives greet a suffix such as .isra.0 or .constprop.0. The tests look up the
 * lines by the comments that begin with "leak" and "call".
 */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

struct greeting {
	u32 number;
	u32 length;
	char text[56];
};

noinline void myfunc(void)
{
	char *ptr;

	ptr = vmalloc(512); /* leak: first page */
	ptr = vmalloc(512); /* leak: second page */
	ptr = vmalloc(512); /* leak: third page, a tail call */
}

static inline struct greeting *greeting_alloc(void)
{
	return kmalloc(sizeof(struct greeting), GFP_KERNEL); /* leak: greeting */
}

static __always_inline struct greeting *greeting_new(u32 number)
{
	struct greeting *g = greeting_alloc(); /* call: greeting_alloc */

	if (g) {
		g->number = number;
		g->length = sizeof(g->text);
		memset(g->text, 'A', sizeof(g->text));
	}
	return g;
}

static noinline int greet(u32 number, const void *unused)
{
	struct greeting *g = greeting_new(number); /* call: greeting_new */

	barrier();
	return g != NULL;
}

static int __init hello_init(void)
{
	int i, greeted = 0;

	pr_info("Hello, kernel\n");
	myfunc(); /* call: myfunc */
	for (i = 0; i < 5; i++)
		greeted += greet(i, &greeted); /* call: greet */
	return greeted == 5 ? 0 : -ENOMEM;
}

static void __exit hello_exit(void)
{
	pr_info("Goodbye, kernel\n");
}

module_init(hello_init);
module_exit(hello_exit);
MODULE_DESCRIPTION("Loses eight objects");
MODULE_LICENSE("Dual BSD/GPL");
