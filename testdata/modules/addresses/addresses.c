// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * addresses tells how the kernel names places in code.
 *
 * /proc/addresses has a line for every address from the parameter start up to
 * end: the address, and what %pS and %pB make of it. /proc/returns has a line
 * for every call of note below: its return address by %pS, and the number of the
 * line that the call is in.
 */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

static unsigned long start, end;
module_param(start, ulong, 0644);
module_param(end, ulong, 0644);

static int addresses_show(struct seq_file *m, void *unused)
{
	unsigned long addr;

	for (addr = start; addr < end; addr++)
		seq_printf(m, "%lx %pS %pB\n", addr, (void *)addr, (void *)addr);
	return 0;
}

static struct seq_file *out;

static noinline void note(int line)
{
	seq_printf(out, "%pS %d\n", __builtin_return_address(0), line);
	barrier(); /* so that this is no jump */
}

static noinline void direct(void)
{
	note(__LINE__);
	note(__LINE__); note(__LINE__);
	barrier();
}

static __always_inline void inner(int n)
{
	if (n & 1)
		note(__LINE__);
	else
		note(__LINE__);
	barrier();
}

static __always_inline void outer(int n)
{
	inner(n);
	note(__LINE__);
	inner(n + 1);
}

static noinline void inlined(int n)
{
	outer(n);
	note(__LINE__);
	outer(n + 1);
	barrier();
}

static noinline void loops(int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (i % 3 == 0)
			note(__LINE__);
		else if (i % 3 == 1)
			note(__LINE__);
		note(__LINE__);
	}
	barrier();
}

static __cold noinline void cold(int n)
{
	note(__LINE__);
	if (unlikely(n > 1))
		note(__LINE__);
	barrier();
}

static noinline void branches(int n)
{
	switch (n) {
	case 0:
		note(__LINE__);
		break;
	case 1:
		inlined(n);
		note(__LINE__);
		break;
	case 2:
		cold(n);
		note(__LINE__);
		break;
	default:
		note(__LINE__);
	}
	barrier();
}

static int returns_show(struct seq_file *m, void *unused)
{
	int n;

	out = m;
	direct();
	for (n = 0; n < 4; n++) {
		inlined(n);
		loops(n);
		cold(n);
		branches(n);
	}
	return 0;
}

static int __init addresses_init(void)
{
	if (!proc_create_single("addresses", 0400, NULL, addresses_show))
		return -ENOMEM;
	if (!proc_create_single("returns", 0400, NULL, returns_show)) {
		remove_proc_entry("addresses", NULL);
		return -ENOMEM;
	}
	return 0;
}

static void __exit addresses_exit(void)
{
	remove_proc_entry("addresses", NULL);
	remove_proc_entry("returns", NULL);
}

module_init(addresses_init);
module_exit(addresses_exit);
MODULE_DESCRIPTION("Tells how the kernel names places in code");
MODULE_LICENSE("Dual BSD/GPL");
