//! Documents that were read, as records; `rows.py` says what they are.

use bson::raw::RawDocument;

use crate::batch::{Form, Record, Spaces};
use crate::document::{Odd, Walked, Writer};

pub struct Rows {
    pub head: Vec<u8>,
    pub tail: Vec<u8>,
    pub ms: i64,
    /// What a key begins with where collections share a topic.
    pub within: Option<Vec<u8>>,
}

impl Form for Rows {
    fn record<'a>(&self, raw: &'a RawDocument, writer: &mut Writer<'a>, _: &mut Spaces<'a>) -> Walked<Record<'a>> {
        let found = raw.iter_elements().find(|element| !matches!(element, Ok(other) if other.key().as_str() != "_id"));
        let id = found.ok_or(Odd)??;
        let start = writer.out.len();
        let same = writer.key(&id)?;
        let key = start..writer.out.len();
        writer.put(&self.head);
        writer.put(b"\"key\":");
        if same {
            writer.repeat(key.clone());
        } else {
            writer.id(&id)?;
        }
        writer.put(b",\"after\":");
        writer.document(raw)?;
        writer.put(&self.tail);
        let value = key.end..writer.out.len();
        let key = match &self.within {
            Some(prefix) => writer.shared_key(prefix, key),
            None => key,
        };
        Ok(Record { space: 0, operation: 0, key, value, ms: self.ms, token: "" })
    }
}
