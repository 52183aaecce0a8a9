//! Buffers of activations that are used again: fresh memory from the system costs more than many an operation on it, and
//! threads that ask for it wait for each other.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut, Range};

/// Buffers that a thread keeps, and the numbers in all of them together.
const MOST_BUFFERS: usize = 16;
const MOST_NUMBERS: usize = 16 << 20;

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// A cache line in numbers: where a buffer begins, so that registers are loaded from one line each.
const LINE: usize = 16;

/// Numbers in memory that goes to the next buffer of its thread when it is dropped.
#[derive(Debug, Default)]
pub struct Buffer {
    /// As long as it ever was: what grows would have to be filled.
    memory: Vec<f32>,
    /// Where the numbers are.
    place: Range<usize>,
}

impl Buffer {
    /// So many numbers, whatever they are: what was there before, or zeros.
    pub fn of(len: usize) -> Self {
        let mut memory = FREE.with_borrow_mut(|free| {
            let fits = |buffer: &&(usize, usize)| buffer.1 >= len + LINE;
            let sizes: Vec<(usize, usize)> = free.iter().map(Vec::capacity).enumerate().collect();
            // The smallest that is large enough, or else the largest, which grows.
            let smallest = sizes.iter().filter(fits).min_by_key(|(_, size)| *size);
            let place = smallest.or_else(|| sizes.iter().max_by_key(|(_, size)| *size));
            place.map(|(place, _)| free.swap_remove(*place)).unwrap_or_default()
        });
        if memory.len() < len + LINE {
            memory.resize(len + LINE, 0.0);
        }
        let start = memory.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        Self { memory, place: start..start + len }
    }

    /// So many zeros.
    pub fn zeros(len: usize) -> Self {
        let mut buffer = Self::of(len);
        buffer.fill(0.0);
        buffer
    }
}

impl From<Vec<f32>> for Buffer {
    fn from(numbers: Vec<f32>) -> Self {
        let place = 0..numbers.len();
        Self { memory: numbers, place }
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        let mut copy = Self::of(self.len());
        copy.copy_from_slice(self);
        copy
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        self.memory.get(self.place.clone()).unwrap_or_default()
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        self.memory.get_mut(self.place.clone()).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        if memory.capacity() == 0 {
            return;
        }
        // A thread that is ending keeps nothing.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            let kept: usize = free.iter().map(Vec::capacity).sum();
            if free.len() < MOST_BUFFERS && kept + memory.capacity() <= MOST_NUMBERS {
                free.push(memory);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_within_bounds() {
        let first = Buffer::of(1000);
        let place = first.as_ptr();
        drop(first);
        let small = Buffer::of(10);
        assert_eq!((small.as_ptr(), small.len()), (place, 10));
        assert!(Buffer::zeros(10).iter().all(|x| *x == 0.0));
        let mut marked = Buffer::of(100);
        marked.fill(7.0);
        let copy = marked.clone();
        drop(marked);
        assert!(copy.iter().all(|x| *x == 7.0));
        assert!(Buffer::zeros(100).iter().all(|x| *x == 0.0));

        drop(Buffer::of(MOST_NUMBERS + 1));
        drop((0..2 * MOST_BUFFERS).map(|_| Buffer::of(3)).collect::<Vec<_>>());
        FREE.with_borrow(|free| {
            assert!(free.len() <= MOST_BUFFERS);
            assert!(free.iter().map(Vec::capacity).sum::<usize>() <= MOST_NUMBERS);
        });
    }
}
