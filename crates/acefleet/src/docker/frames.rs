//! What containers print, as Docker sends it: in frames that say which stream they are of, or raw from a terminal.

use bytes::{Buf, BytesMut};

/// Which stream, three zeros, and how much follows.
const HEAD_BYTES: usize = 8;

/// Takes the frames off. What does not look like a frame is passed on as it is: a terminal has none.
#[derive(Default)]
pub(super) struct Frames {
    pending: BytesMut,
    /// What is still to come of the present frame.
    left: usize,
    raw: bool,
}

impl Frames {
    /// Takes in a piece, and passes on what was printed.
    pub(super) fn take_in(&mut self, piece: &[u8], mut printed: impl FnMut(&[u8])) {
        if self.raw {
            printed(piece);
            return;
        }
        self.pending.extend_from_slice(piece);
        loop {
            if self.left > 0 {
                let now = self.left.min(self.pending.len());
                printed(&self.pending[..now]);
                self.pending.advance(now);
                self.left -= now;
            }
            if self.left > 0 || self.pending.is_empty() {
                return;
            }
            match head(&self.pending) {
                Head::Of(length) => {
                    self.pending.advance(HEAD_BYTES);
                    self.left = length;
                }
                Head::Short => return,
                Head::None => {
                    self.raw = true;
                    printed(&self.pending);
                    self.pending.clear();
                    return;
                }
            }
        }
    }
}

enum Head {
    /// A frame of this length begins.
    Of(usize),
    /// It may become one.
    Short,
    /// No frame begins so.
    None,
}

fn head(bytes: &[u8]) -> Head {
    let begins = match bytes {
        [stream, rest @ ..] => *stream <= 2 && rest.iter().take(3).all(|zero| *zero == 0),
        [] => true,
    };
    match bytes.get(4..HEAD_BYTES).and_then(|length| <[u8; 4]>::try_from(length).ok()) {
        _ if !begins => Head::None,
        Some(length) => Head::Of(u32::from_be_bytes(length) as usize),
        None => Head::Short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(stream: &[u8], size: usize) -> Vec<u8> {
        let (mut frames, mut all) = (Frames::default(), Vec::new());
        for piece in stream.chunks(size) {
            frames.take_in(piece, |printed| all.extend_from_slice(printed));
        }
        all
    }

    #[test]
    fn frames_are_taken_off_wherever_the_stream_was_cut() {
        let stream = b"\x01\0\0\0\0\0\0\x04out\n\x02\0\0\0\0\0\0\x00\x02\0\0\0\0\0\0\x03err";
        for size in 1..=stream.len() {
            assert_eq!(through(stream, size), b"out\nerr", "in pieces of {size}");
        }
    }

    #[test]
    fn what_a_terminal_prints_is_passed_on_as_it_is() {
        for size in 1..=8 {
            assert_eq!(through(b"plain text\r\n", size), b"plain text\r\n");
        }
    }
}
