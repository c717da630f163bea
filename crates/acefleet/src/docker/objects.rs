//! JSON objects one after the other, as Docker streams events and the progress of a pull.
//!
//! Pieces of the stream end anywhere: an object may come in two, or two in one.

use serde_json::Value;

/// The longest object that is waited for; what is longer is thrown away up to the next line.
const OBJECT_MAX_BYTES: usize = 1 << 20;

/// Puts objects together again.
#[derive(Default)]
pub(super) struct Objects {
    pending: Vec<u8>,
}

impl Objects {
    /// Takes in a piece, and gives back what is complete now.
    pub(super) fn take_in(&mut self, piece: &[u8]) -> Vec<Value> {
        self.pending.extend_from_slice(piece);
        let mut complete = Vec::new();
        let mut done = 0;
        loop {
            let rest = &self.pending[done..];
            let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<Value>();
            match stream.next() {
                Some(Ok(object)) => {
                    done += stream.byte_offset();
                    complete.push(object);
                }
                Some(Err(error)) if error.is_eof() && rest.len() <= OBJECT_MAX_BYTES => break,
                // Garbage goes up to the end of its line, and the next line has another chance.
                Some(Err(_)) => match rest.iter().position(|byte| *byte == b'\n') {
                    Some(end) => done += end + 1,
                    None if rest.len() > OBJECT_MAX_BYTES => done = self.pending.len(),
                    None => break,
                },
                None => {
                    done = self.pending.len();
                    break;
                }
            }
        }
        self.pending.drain(..done);
        complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_are_whole_again_wherever_the_stream_was_cut() {
        let text = "{\"a\":1}\r\n{\"b\":{\"c\":\"}\"}}{\"d\":2}\n\n{\"e\":\"ü\"}\n";
        let all = [json!({"a": 1}), json!({"b": {"c": "}"}}), json!({"d": 2}), json!({"e": "ü"})];
        for size in 1..=text.len() {
            let mut objects = Objects::default();
            let got: Vec<Value> =
                text.as_bytes().chunks(size).flat_map(|piece| objects.take_in(piece)).collect();
            assert_eq!(got, all, "in pieces of {size}");
        }
    }

    #[test]
    fn garbage_costs_its_own_line_alone() {
        let mut objects = Objects::default();
        assert_eq!(objects.take_in(b"{\"a\":1}\nwhat?\n{\"b\":"), [json!({"a": 1})]);
        assert_eq!(objects.take_in(b"2}\n"), [json!({"b": 2})]);
    }

    #[test]
    fn an_object_without_end_is_not_kept() {
        let mut objects = Objects::default();
        objects.take_in(b"{\"a\":\"");
        for _ in 0..40 {
            objects.take_in(&[b'x'; 1 << 16]);
            assert!(objects.pending.len() <= OBJECT_MAX_BYTES + (1 << 16));
        }
        objects.take_in(b"\n");
        assert_eq!(objects.take_in(b"{\"b\":2}\n"), [json!({"b": 2})]);
    }
}
