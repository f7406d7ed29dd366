// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
//! Fixture with namespaces, methods and generic functions.
#![no_std]

extern "C" {
    fn __kmalloc(size: usize, flags: u32) -> *mut u8;
    fn kfree(p: *mut u8);
}

pub struct Queue {
    pub items: [*mut u8; 8],
    pub len: usize,
}

mod memory {
    pub trait Zone {
        const FLAGS: u32;
    }
    pub struct Normal;
    pub struct Atomic;
    impl Zone for Normal {
        const FLAGS: u32 = 0xcc0;
    }
    impl Zone for Atomic {
        const FLAGS: u32 = 0x820;
    }

    #[inline(always)]
    pub fn alloc<Z: Zone>(size: usize) -> *mut u8 {
        if size > 4096 {
            return core::ptr::null_mut();
        }
        unsafe { super::__kmalloc(size, Z::FLAGS) }
    }
}

impl Queue {
    #[inline(never)]
    pub fn add<Z: memory::Zone>(&mut self, size: usize) -> bool {
        let p = memory::alloc::<Z>(size);
        if p.is_null() || self.len == self.items.len() {
            return false;
        }
        self.items[self.len] = p;
        self.len += 1;
        true
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        for p in self.items.iter() {
            if !p.is_null() {
                unsafe { kfree(*p) }
            }
        }
    }
}

#[no_mangle]
pub extern "C" fn queue_poll(n: usize) -> i32 {
    let mut q = Queue { items: [core::ptr::null_mut(); 8], len: 0 };
    let ok = (0..n).filter(|i| q.add::<memory::Normal>(i * 16) && q.add::<memory::Atomic>(*i)).count();
    ok as i32
}
