/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* Declarations and inlined helpers of the fixture, see Makefile. */

#define __init __attribute__((__section__(".init.text"), cold))
#define __exit __attribute__((__section__(".exit.text"), cold))
#define noinline __attribute__((noinline))
#define __always_inline inline __attribute__((always_inline))

typedef unsigned long size_t;

struct item {
	struct item *next;
	unsigned int size;
	char name[16];
};

/* Elsewhere, as the kernel's allocator. */
extern void *__kmalloc(size_t size, unsigned int flags);
extern void kfree(const void *p);
extern int printk(const char *fmt, ...);
extern void panic(const char *why) __attribute__((noreturn));

/* In the other unit. */
extern struct item *queue_add(struct item **head, unsigned int size);
extern void queue_free(struct item **head);
extern int queue_visit(struct item *head, int (*fn)(struct item *));

/*
 * MARK is an instruction whose address and line the compiler itself notes down:
 * (address behind it, line, line of the caller that this is inlined into or 0).
 */
#if __SIZEOF_POINTER__ == 8
#define POINTER ".quad"
#else
#define POINTER ".long"
#endif
#define MARK(caller)                                                         \
	asm volatile("nop\n90:\t.pushsection .debug_truth,\"\"\n\t"              \
		     POINTER " 90b\n\t.long %c0, %c1\n\t.popsection"             \
		     : : "i"(__LINE__), "i"(caller))

static __always_inline void *kmalloc(size_t size, unsigned int flags, int caller)
{
	MARK(caller);
	if (size > 4096)
		return 0;
	return __kmalloc(size, flags | 0xcc0);
}

static __always_inline struct item *item_alloc(unsigned int size, int caller)
{
	struct item *it;

	MARK(caller);
	it = kmalloc(sizeof(*it) + size, 1, __LINE__);
	if (it)
		it->size = size;
	return it;
}
