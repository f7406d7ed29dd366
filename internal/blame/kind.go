// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package blame

// A kind is a kind of thing that the kernel makes for any code that asks. What a leak of
// it shows is the caller's, who got it and has to give it back.
type kind struct {
	what  string
	names []string // patterns as in allocators
}

// kinds are services of the kernel: functions that headers in include/linux offer to all
// code, and those behind them. Some are in folders that tell, see service; they are here for
// backtraces of which only the names are known.
var kinds = []kind{
	{"names and objects of sysfs", []string{ // lib/kobject.c, drivers/base, fs/sysfs, fs/kernfs, fs/char_dev.c, fs/configfs
		"kobject_*", "kset_*", "dev_set_name", "device_add", "device_register", "device_create*", "__device_create*", "device_private_init",
		"class_create*", "__class_create*", "class_register", "platform_device_alloc", "platform_device_add*", "platform_device_register*",
		"sysfs_create_*", "internal_create_group*", "kernfs_create_*", "kernfs_new_node", "__kernfs_new_node",
		"cdev_*", "config_item_set_name", "config_group_init_type_name", "wakeup_source_*", "device_init_wakeup", "device_wakeup_enable",
	}},
	{"resources of devices", []string{ // drivers/base, lib/devres.c, kernel/resource.c, kernel/dma
		"devres_open_group", "devm_add_action*", "__devm_add_action*", "devm_ioremap*", "__devm_ioremap*", "pcim_iomap*",
		"__request_region", "__devm_request_region", "alloc_resource", "dma_declare_coherent_memory", "dma_init_coherent_memory",
		"debug_dma_*", "dma_entry_alloc", "dma_pool_create*",
	}},
	{"I/O requests", []string{ // block
		"bio_alloc*", "bio_clone*", "bio_split*", "bio_copy*", "bio_kmalloc", "bio_integrity_alloc*", "bioset_init*",
		"blk_mq_alloc_request*", "blk_alloc_queue*", "blk_init_queue*", "blk_queue_split", "scsi_alloc_request",
	}},
	{"sockets, packets and interfaces", []string{ // net/core, net/8021q
		"sk_alloc", "sk_prot_alloc", "sk_clone*", "sock_alloc", "sock_alloc_inode", "skb_*", "__skb_*", "pskb_*", "__pskb_*", "napi_get_frags",
		"nlmsg_new", "genlmsg_new", "alloc_netdev*", "alloc_etherdev*", "dst_alloc", "rt_dst_alloc", "metadata_dst_alloc",
		"__hw_addr_*", "dev_mc_add*", "__dev_mc_add", "dev_uc_add*", "vlan_vid_add", "__vlan_vid_add", "gen_new_estimator",
		"gen_replace_estimator", "gro_cells_init",
	}},
	{"memory areas", []string{ // mm
		"kmem_cache_create*", "__kmem_cache_create*", "create_cache", "get_vm_area*", "__get_vm_area*", "alloc_vmap_area", "vm_area_alloc",
		"vm_area_dup", "anon_vma_*", "__anon_vma_prepare", "shrinker_alloc", "prealloc_shrinker",
	}},
	{"counters, bitmaps and lists", []string{ // lib, mm
		"percpu_ref_init", "percpu_counter_*", "__percpu_counter_*", "sbitmap_*", "__kfifo_alloc",
		"sg_alloc_*", "sg_kmalloc", "__sg_alloc_*", "sgl_alloc*", "alloc_cpumask_var*", "zalloc_cpumask_var*",
		"bitmap_alloc*", "bitmap_zalloc*", "iovec_from_user", "import_iovec", "__import_iovec", "dup_iter",
		"list_lru_*", "__list_lru_*", "fault_config_init", "debug_object*", "__debug_object*", "nla_strdup", "argv_split",
		"gen_pool_*", "textsearch_prepare", "alloc_cpu_rmap", "irq_cpu_rmap_add", "ref_tracker_alloc", "mpi_alloc*", "mpi_resize", "mpi_read_*",
	}},
	{"nodes of indexes", []string{ // lib
		"idr_*", "ida_*", "xa_*", "__xa_*", "xas_*", "radix_tree_*", "mas_*", "mtree_*", "__genradix_*", "rhashtable_*", "rhltable_*",
		"assoc_array_*",
	}},
	{"open files and inodes", []string{ // fs
		"alloc_inode", "new_inode*", "iget_locked", "iget5_locked*", "d_alloc*", "__d_alloc", "alloc_empty_file*", "alloc_file*",
		"__alloc_file", "get_empty_filp", "getname*", "seq_open*", "__seq_open*", "single_open*", "simple_attr_open",
	}},
	{"data of security modules", []string{ // security
		"security_*_alloc*", "security_sk_clone", "lsm_*_alloc", "selinux_*_alloc_security", "smack_*_alloc_security", "apparmor_*_alloc_security",
	}},
	{"firmware", []string{"request_firmware*", "_request_firmware*", "firmware_request_*"}}, // drivers/base/firmware_loader
	{"interrupts", []string{ // kernel/irq
		"request_threaded_irq", "devm_request_threaded_irq", "devm_request_any_context_irq", "request_any_context_irq", "irq_create_*",
		"__irq_domain_add", "__irq_domain_create*", "irq_domain_create*", "irq_domain_instantiate", "__irq_domain_instantiate",
	}},
	{"files in proc and debugfs", []string{"__proc_create", "proc_create*", "proc_mkdir*", "debugfs_create_*", "__debugfs_create_*"}}, // fs
	{"register maps", []string{"__regmap_init*", "__devm_regmap_init*", "regmap_init*"}},                                              // drivers/base/regmap
	{"clocks and pins", []string{"__clk_register", "clk_register*", "clk_hw_register*", "pinctrl_register*", "create_pinctrl"}},       // drivers/clk, drivers/pinctrl
	{"controls and links of cameras", []string{"v4l2_ctrl_*", "v4l2_async_*", "v4l2_fwnode_endpoint_*", "media_entity_pads_init"}},    // drivers/media/v4l2-core
	{"sound controls", []string{"snd_ctl_new*", "snd_device_new", "snd_info_create_*", "snd_pcm_new*", "snd_dma_alloc_*"}},            // sound/core
	{"input slots", []string{"input_mt_init_slots", "input_alloc_absinfo", "input_set_abs_params"}},                                   // drivers/input
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

// dispatchers call what is registered with them: the driver core, the virtual file system,
// sockets, netlink, notifiers. A leak below them is hardly theirs.
var dispatchers = newTable([]string{
	"really_probe", "__driver_probe_device", "driver_probe_device", "__device_attach*", "device_attach", "device_driver_attach",
	"device_initial_probe", "__driver_attach*", "driver_attach", "bus_for_each_*", "bus_probe_device", "bus_add_driver", "driver_register",
	"deferred_probe_work_func", "platform_probe", "platform_drv_probe",
	"vfs_*", "__vfs_*", "ksys_*", "new_sync_read", "new_sync_write", "call_read_iter", "call_write_iter", "do_dentry_open", "do_filp_open",
	"path_openat", "path_mount", "do_sys_open*", "kernfs_fop_*", "sysfs_kf_*",
	"sock_sendmsg*", "__sock_sendmsg", "sock_recvmsg*", "____sys_*", "___sys_*", "sock_write_iter", "sock_read_iter", "sock_common_*",
	"netlink_unicast*", "netlink_sendmsg", "netlink_rcv_skb", "rtnetlink_rcv*", "genl_rcv*", "genl_family_rcv_msg*",
	"notifier_call_chain*", "raw_notifier_call_chain*", "blocking_notifier_call_chain*", "atomic_notifier_call_chain*", "kunit_try_run_case", "kunit_generic_run_threadfn_adapter",
})
