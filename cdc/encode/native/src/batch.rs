//! A batch walked once: the records of its events, in their order.

use std::collections::HashMap;
use std::ops::Range;

use bson::raw::{RawBsonRef, RawDocument};

use crate::document::{Language, Odd, Walked, Writer};
use crate::json;

const SMALLEST: usize = 5; // bytes of an empty document

/// What a batch holds: change events, or documents that were read.
pub trait Form: Sync {
    fn record<'a>(&self, raw: &'a RawDocument, writer: &mut Writer<'a>, spaces: &mut Spaces<'a>) -> Walked<Record<'a>>;
}

/// One record; its key and its value stand in the batch's text.
pub struct Record<'a> {
    pub space: usize,
    pub operation: usize,
    pub key: Range<usize>,
    pub value: Range<usize>,
    pub ms: i64,
    pub token: &'a str,
}

/// An event's bytes, and its record unless it is odd.
pub struct Event<'a> {
    pub raw: &'a [u8],
    pub record: Option<Record<'a>>,
}

pub struct Batch<'a> {
    pub events: Vec<Event<'a>>,
    pub text: Vec<u8>,
    pub spaces: Spaces<'a>,
}

/// Walks a batch; with `checked`, what would look like another type in Python is odd.
pub fn walk<'a>(form: &impl Form, language: Language, raw: &'a [u8], checked: bool) -> Batch<'a> {
    let mut writer = Writer::new(language, raw.len() * 2);
    let mut spaces = Spaces::default();
    let mut events = Vec::new();
    for raw in documents(raw) {
        let start = writer.out.len();
        writer.begin();
        let record = match RawDocument::from_bytes(raw) {
            Ok(document) => form.record(document, &mut writer, &mut spaces),
            Err(_) => Err(Odd),
        };
        let record = record.ok().filter(|_| !(checked && writer.foreign));
        if record.is_none() {
            writer.out.truncate(start);
        }
        events.push(Event { raw, record });
    }
    Batch { events, text: writer.out, spaces }
}

/// The documents one after another; where a length is broken, all that is left comes as the last.
pub fn documents(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = rest.first_chunk().map_or(0, |length| i32::from_le_bytes(*length));
        let end = usize::try_from(length).ok().filter(|end| (SMALLEST..=rest.len()).contains(end));
        let (first, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(first)
    })
}

/// The collections that a batch is of, each once.
#[derive(Default)]
pub struct Spaces<'a> {
    pub names: Vec<(&'a str, &'a str)>,
    texts: Vec<Vec<u8>>,
    known: HashMap<&'a [u8], usize>,
    last: Option<(&'a [u8], usize)>,
}

impl<'a> Spaces<'a> {
    /// The number of the collection that an event's `ns` names.
    pub fn find(&mut self, ns: &'a RawDocument) -> Walked<usize> {
        let raw = ns.as_bytes();
        if let Some((_, number)) = self.last.filter(|(last, _)| *last == raw) {
            return Ok(number);
        }
        let number = match self.known.get(raw) {
            Some(number) => *number,
            None => self.add(ns)?,
        };
        self.last = Some((raw, number));
        Ok(number)
    }

    /// A collection's JSON: `{"db":…,"coll":…}`.
    pub fn text(&self, number: usize) -> &[u8] {
        &self.texts[number]
    }

    fn add(&mut self, ns: &'a RawDocument) -> Walked<usize> {
        let mut fields = ns.iter();
        let (Some(db), Some(coll), None) = (fields.next(), fields.next(), fields.next()) else {
            return Err(Odd);
        };
        let (("db", RawBsonRef::String(db)), ("coll", RawBsonRef::String(coll))) = (named(db?), named(coll?)) else {
            return Err(Odd);
        };
        let mut text = b"{\"db\":".to_vec();
        json::text(&mut text, db);
        text.extend_from_slice(b",\"coll\":");
        json::text(&mut text, coll);
        text.push(b'}');
        let number = self.names.len();
        self.names.push((db, coll));
        self.texts.push(text);
        self.known.insert(ns.as_bytes(), number);
        Ok(number)
    }
}

fn named<'a>((name, value): (&'a bson::raw::CStr, RawBsonRef<'a>)) -> (&'a str, RawBsonRef<'a>) {
    (name.as_str(), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_length_ends_the_batch_in_one_piece() {
        let whole: &[u8] = b"\x05\0\0\0\0";
        let pieces = |raw: &[u8]| documents(raw).map(<[u8]>::to_vec).collect::<Vec<_>>();
        assert!(pieces(b"").is_empty());
        assert_eq!(pieces(&[whole, whole].concat()), [whole, whole]);
        for broken in [&b"\x04\0\0\0\0"[..], b"\xff\xff\xff\xff\0", b"\xff\xff\xff\x7f\0\0\0", b"\x05\0\0", b"\x07"] {
            assert_eq!(pieces(&[whole, broken].concat()), [whole, broken]);
        }
    }
}
