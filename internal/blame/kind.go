// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package blame

// A kind is a kind of thing that the kernel makes for any code that asks. What a leak of
// it shows is the caller's, who got it and has to give it back.
type kind struct {
	what  string
	names []string // patterns as in allocators
}

// kinds are the services that no folder tells, and those that do, for backtraces of which
// only the names are known. A caller's own name decides nothing here: these are the
// functions that the headers in include/linux offer.
var kinds = []kind{
	{"names and objects of sysfs", []string{ // lib/kobject.c, drivers/base, fs/sysfs, fs/kernfs
		"kobject_*", "kset_*", "dev_set_name", "device_add", "device_register", "device_create*", "__device_create*",
		"class_create*", "__class_create*", "class_register", "platform_device_alloc", "platform_device_add*", "platform_device_register*",
		"sysfs_create_*", "internal_create_group*", "kernfs_create_*", "kernfs_new_node", "__kernfs_new_node",
		"cdev_*", "config_item_set_name", "config_group_init_type_name",
	}},
	{"I/O requests", []string{ // block
		"bio_alloc*", "bio_clone*", "bio_split*", "bio_copy*", "bio_kmalloc", "bio_integrity_alloc*", "bioset_init*",
		"blk_mq_alloc_request*", "blk_alloc_queue*", "blk_init_queue*", "blk_queue_split", "scsi_alloc_request",
	}},
	{"sockets, packets and interfaces", []string{ // net/core
		"sk_alloc", "sk_prot_alloc", "sk_clone*", "skb_*", "__skb_*", "pskb_*", "__pskb_*", "napi_get_frags", "nlmsg_new", "genlmsg_new",
		"alloc_netdev*", "alloc_etherdev*", "dst_alloc", "rt_dst_alloc", "metadata_dst_alloc",
	}},
	{"counters, bitmaps and lists", []string{ // lib, mm
		"percpu_ref_init", "percpu_counter_*", "__percpu_counter_*", "sbitmap_*", "__kfifo_alloc", "kfifo_alloc",
		"sg_alloc_*", "sg_kmalloc", "__sg_alloc_*", "sgl_alloc*", "alloc_cpumask_var*", "zalloc_cpumask_var*",
		"bitmap_alloc*", "bitmap_zalloc*", "iovec_from_user", "import_iovec", "__import_iovec", "dup_iter",
		"list_lru_*", "__list_lru_*", "fault_config_init", "debug_object*", "__debug_object*", "nla_strdup", "argv_split",
		"gen_pool_*", "textsearch_prepare",
	}},
	{"nodes of indexes", []string{ // lib
		"idr_*", "ida_*", "xa_*", "__xa_*", "xas_*", "radix_tree_*", "mas_*", "mtree_*", "__genradix_*", "rhashtable_*", "rhltable_*",
		"btree_*", "interval_tree_*", "assoc_array_*",
	}},
	{"open files and inodes", []string{ // fs
		"alloc_inode", "new_inode*", "iget_locked", "iget5_locked*", "d_alloc*", "__d_alloc", "alloc_empty_file*", "alloc_file*",
		"__alloc_file", "get_empty_filp", "seq_open*", "__seq_open*", "single_open*", "simple_attr_open",
	}},
	{"firmware", []string{"request_firmware*", "_request_firmware*", "firmware_request_*"}}, // drivers/base/firmware_loader
	{"interrupts", []string{"request_threaded_irq", "devm_request_threaded_irq", "devm_request_any_context_irq", "request_any_context_irq", // kernel/irq
		"__irq_domain_add", "__irq_domain_create*", "irq_domain_create*", "irq_domain_instantiate", "__irq_domain_instantiate",
		"irq_create_*"}},
	{"files in proc and debugfs", []string{"__proc_create", "proc_create*", "proc_mkdir*", "debugfs_create_*", "__debugfs_create_*"}}, // fs/proc, fs/debugfs
	{"register maps", []string{"__regmap_init*", "__devm_regmap_init*", "regmap_init*"}},                                              // drivers/base/regmap
	{"clocks", []string{"__clk_register", "clk_register*", "clk_hw_register*"}},                                                       // drivers/clk
	{"controls of cameras", []string{"v4l2_ctrl_*"}},                                                                                  // drivers/media/v4l2-core
	{"cipher handles", []string{"crypto_alloc_*", "crypto_create_tfm*"}},                                                              // crypto/api.c
	{"ACPI results", []string{"acpi_ut_*", "acpi_evaluate_object*"}},                                                                  // drivers/acpi/acpica
	{"work queues and threads", []string{"alloc_workqueue*", "__alloc_workqueue", "kthread_create*", "__kthread_create*"}},            // kernel
}

// kindTable finds names in kinds.
var kindTable = func() table {
	lists := make([][]string, len(kinds))
	for i, k := range kinds {
		lists[i] = k.names
	}
	return newTable(lists...)
}()

// kindOf returns what a function makes for any caller, "" if its name does not tell.
func kindOf(name string) string {
	if i := kindTable.find(name); i >= 0 {
		return kinds[i].what
	}
	return ""
}
