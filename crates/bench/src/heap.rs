//! The system's allocator, counting the bytes that are in use.
//!
//! The only file that may say `unsafe`: an allocator cannot be written without it. It adds nothing to what the
//! system's allocator does but the count.

#![allow(unsafe_code, reason = "the trait of global allocators is unsafe to implement")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, counted.
struct Counted;

#[global_allocator]
static HEAP: Counted = Counted;

static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Bytes that were asked for and not been given back. What the allocator needs for itself is not in it.
pub(crate) fn live_bytes() -> usize {
    LIVE_BYTES.load(Relaxed)
}

/// A load and a store instead of one atomic step: there is a single thread, and a locked instruction for each
/// allocation would be seen in what is measured.
fn count(change: impl FnOnce(usize) -> usize) {
    LIVE_BYTES.store(change(LIVE_BYTES.load(Relaxed)), Relaxed);
}

// SAFETY: every call is handed on to the system's allocator as it is, and so is every answer.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(|live| live.wrapping_add(layout.size()));
        // SAFETY: the caller keeps to the contract of `alloc`, which is the same here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(|live| live.wrapping_sub(layout.size()));
        // SAFETY: `pointer` came from the system's allocator, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(|live| live.wrapping_sub(layout.size()).wrapping_add(size));
        // SAFETY: `pointer` came from the system's allocator, with this layout.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_counted_while_it_is_held() {
        // Tests run side by side and their allocations are counted too, so the block is larger than all of theirs.
        const BLOCK: usize = 1 << 28;
        let before = live_bytes();
        let held = Vec::<u8>::with_capacity(BLOCK);
        let with_it = live_bytes();
        drop(held);
        assert!(with_it.wrapping_sub(before) > BLOCK / 2, "{before} {with_it}");
        assert!(with_it.wrapping_sub(live_bytes()) > BLOCK / 2, "{with_it} {}", live_bytes());
    }
}
