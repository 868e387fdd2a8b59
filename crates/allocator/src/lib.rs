//! When the process returns memory that it no longer uses: options of mimalloc 2 that can be set while it runs.
//!
//! Which allocator a program has is the program's choice (`#[global_allocator]`); a program with another one is not
//! changed by what is set here.

use std::ffi::c_long;

use libmimalloc_sys as mimalloc;

/// `mi_option_purge_delay` of `mi_option_t` in mimalloc 2 (`mimalloc.h`), which the bindings have no name for. It
/// stands between `mi_option_eager_commit_delay` and `mi_option_use_numa_nodes`.
const PURGE_DELAY: mimalloc::mi_option_t = mimalloc::mi_option_eager_commit_delay + 1;
const _: () = assert!(PURGE_DELAY + 1 == mimalloc::mi_option_use_numa_nodes);

/// From now on memory that is no longer used goes back to the system at once instead of some 10 ms later. The process
/// stays small where it does much at once, for about half as much time again in the kernel.
pub fn return_memory_at_once() {
    set_purge_delay_ms(0);
}

#[expect(unsafe_code, reason = "the allocator is written in C")]
fn set_purge_delay_ms(delay_ms: c_long) {
    // SAFETY: the option exists in the linked version (see the assertion above), any number is a valid value of it,
    // and it is read atomically by the allocator. Setting it allocates nothing.
    unsafe { mimalloc::mi_option_set(PURGE_DELAY, delay_ms) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(unsafe_code, reason = "the allocator is written in C")]
    fn purge_delay_ms() -> c_long {
        // SAFETY: as above; it only reads.
        unsafe { mimalloc::mi_option_get(PURGE_DELAY) }
    }

    #[test]
    fn the_delay_is_the_option_that_was_set() {
        // the default that the documentation of mimalloc 2 names: another option would have another value
        assert_eq!(purge_delay_ms(), 10);
        return_memory_at_once();
        assert_eq!(purge_delay_ms(), 0);
    }
}
