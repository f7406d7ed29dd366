// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package blame

import "strings"

// allocatorNames are the functions between kmemleak and the code that asked for
// memory. They are at the top of backtraces, and no leak belongs to them. A star
// stands for any characters. Names are compared without compiler suffixes and without
// _noprof, which kernels since 6.10 add to allocators.
//
// The compiler's inlining decides how many of them are in a backtrace, and which, so
// they are recognised by name and not by number.
var allocatorNames = []string{
	// kmemleak itself: mm/kmemleak.c.
	"create_object", "__create_object", "__link_object", "set_track_prepare", "stack_depot_save*", "save_stack_trace*", "stack_trace_save*",
	"kmemleak_alloc*", "kmemleak_vmalloc",

	// Slab allocators: mm/slab*.c, mm/slub.c, mm/slob.c (up to 6.3), include/linux/slab.h.
	"slob_alloc*", "allocate_slab", "new_slab*",
	"slab_alloc*", "__slab_alloc*", "___slab_alloc*", "slab_post_alloc_hook", "__slab_post_alloc_hook", "kasan_kmalloc*", "__kasan_*",
	"kmem_cache_alloc*", "__kmem_cache_alloc*", "kmem_cache_zalloc*", "kmem_alloc_batch",
	"kmalloc", "kmalloc_node*", "kmalloc_trace*", "kmalloc_large*", "kmalloc_array*", "kmalloc_order*", "kmalloc_nolock*", "kmalloc_track_caller*",
	"__kmalloc*", "___kmalloc*", "__do_kmalloc*", "__do_krealloc", "krealloc*", "__krealloc", "kzalloc*", "kcalloc*",
	"_kmalloc*", "_kzalloc*", "_krealloc*", "_kvmalloc*", "kmem_cache_prefill_sheaf", "kmem_cache_refill_sheaf", // Linux 7

	// Large areas: mm/vmalloc.c, mm/util.c.
	"vmalloc*", "__vmalloc*", "vzalloc*", "kvmalloc*", "__kvmalloc*", "kvzalloc*", "kvcalloc*", "kvrealloc*", "vrealloc*",

	// Per-CPU areas, pages, boot memory: mm/percpu.c, mm/page_alloc.c, mm/memblock.c.
	"pcpu_alloc*", "__alloc_percpu*", "alloc_percpu*", "percpu_ref_alloc*",
	"alloc_pages*", "__alloc_pages*", "alloc_frozen_pages*", "__alloc_frozen_pages*", "alloc_contig_*", "__get_free_pages", "get_zeroed_page",
	"memblock_alloc*", "memblock_virt_alloc*", "__alloc_bootmem*", "alloc_bootmem*",

	// Pools: mm/mempool.c, mm/dmapool.c, kernel/dma.
	"mempool_alloc*", "mempool_kmalloc", "mempool_create*", "mempool_init*", "dma_pool_alloc", "dma_alloc_*", "dma_direct_alloc*", "dmam_alloc_*",

	// Copies and formatted strings: mm/util.c, lib/kasprintf.c.
	"kstrdup*", "kstrndup", "kmemdup*", "__kmemdup*", "kvmemdup*", "memdup_user*", "_memdup_user*", "vmemdup_user*", "strndup_user",
	"kasprintf", "kvasprintf*", "match_strdup", "kstrdup_and_replace",

	// Memory that belongs to a device: drivers/base/devres.c.
	"alloc_dr", "devres_alloc*", "__devres_alloc*", "devm_kmalloc*", "devm_kzalloc", "devm_kcalloc", "devm_kstrdup*", "devm_kasprintf",
	"devm_kvasprintf", "devm_kmemdup*", "devm_krealloc", "devm_get_free_pages",

	// Network buffers: net/core/skbuff.c, net/core/sock.c.
	"__alloc_skb", "alloc_skb*", "kmalloc_reserve", "__build_skb*", "build_skb*", "napi_build_skb", "__napi_build_skb", "napi_skb_cache_get*",
	"__netdev_alloc_skb*", "netdev_alloc_skb*", "__napi_alloc_skb", "napi_alloc_skb", "sock_alloc_send_skb", "sock_alloc_send_pskb",
	"sock_wmalloc", "sock_kmalloc",

	// Nodes of indexes: lib/radix-tree.c, lib/xarray.c, lib/maple_tree.c.
	"radix_tree_node_alloc*", "xas_alloc", "__xas_nomem", "mas_alloc_nodes", "mt_alloc_one", "mt_alloc_bulk",

	// Rust: rust/kernel/alloc, rust/helpers.
	"__rust_alloc*", "__rust_realloc", "__rg_alloc*", "rust_helper_krealloc*", "rust_helper_kvrealloc*", "rust_helper_vrealloc*",
	"kernel::alloc::*", "<kernel::alloc::*", "alloc::alloc::*", "<alloc::alloc::*", "<kernel::allocator::*",
}

// entryNames are the functions by which the kernel enters code: system calls, work
// queues, threads, interrupts, initialisation. They and the frames below them differ
// between kernels and architectures. They show how the code was reached, not what it
// does.
var entryNames = []string{
	"__x64_sys_*", "__ia32_sys_*", "__arm64_sys_*", "__riscv_sys_*", "__s390x_sys_*", "__s390_sys_*", "__powerpc_sys_*",
	"__se_sys_*", "__do_sys_*", "SyS_*", "SYSC_*", "sys_*", "__sys_*",
	"do_syscall_64", "do_syscall_x64", "invoke_syscall", "el0_svc*", "do_el0_svc", "ret_fast_syscall", "syscall_common",
	"system_call*", "entry_SYSCALL_64*", "sysenter_do_call",
	"do_one_initcall", "process_one_work", "worker_thread", "kthread", "ret_from_fork*", "ret_from_kernel_thread",
	"__do_softirq", "handle_softirqs", "run_timer_softirq", "net_rx_action", "rcu_do_batch", "__handle_irq_event_percpu",
}

var (
	allocators = newTable(allocatorNames)
	entries    = newTable(entryNames)
)

// Allocator reports whether a function, by its name in the source, is between kmemleak and
// the code that asked for memory.
func Allocator(name string) bool { return allocators.find(name) >= 0 }

// Entry reports whether the kernel enters code by a function, by its name in the source.
func Entry(name string) bool { return entries.find(name) >= 0 }

// A table finds names in lists of patterns.
type table struct {
	names    map[string]int
	patterns map[byte][]pattern // by their first byte, which is no star
}

type pattern struct {
	text string
	list int
}

func newTable(lists ...[]string) table {
	t := table{make(map[string]int), make(map[byte][]pattern)}
	for i, list := range lists {
		for _, p := range list {
			if strings.Contains(p, "*") {
				t.patterns[p[0]] = append(t.patterns[p[0]], pattern{p, i})
			} else {
				t.names[p] = i
			}
		}
	}
	return t
}

// find returns the number of the list that has a name, -1 if none has.
func (t table) find(name string) int {
	if i, ok := t.names[name]; ok {
		return i
	}
	if name != "" {
		for _, p := range t.patterns[name[0]] {
			if Match(p.text, name) {
				return p.list
			}
		}
	}
	return -1
}

// Match reports whether the whole name matches a pattern in which * stands for any
// characters and ? for any one.
func Match(pattern, name string) bool {
	star, retry := -1, 0
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, retry = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0: // let the last star take one more
			retry++
			p, n = star+1, retry
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
