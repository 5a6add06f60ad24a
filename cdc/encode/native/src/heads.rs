//! What is known of the changes of a batch without their documents; `segments.py` says what it is.

use std::collections::HashMap;
use std::ops::Range;

use bson::Timestamp;
use bson::raw::{RawBsonRef, RawDocument};
use bson::spec::ElementType;

use crate::batch::documents;
use crate::document::{Odd, Walked};

const LENGTH: usize = 4; // bytes, in front of a document's first field
const WHOLE: f64 = 9_223_372_036_854_775_808.0; // from here on no integer of 64 bits is equal

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Insert,
    Update,
    Replace,
    Delete,
}

/// A document that is changed: of which collection, and its `_id`, by which numbers are equal whatever their type.
#[derive(PartialEq, Eq, Hash)]
pub struct Place(usize, Id);

#[derive(PartialEq, Eq, Hash)]
enum Id {
    Integer(i64),
    Fraction(u64),
    Object([u8; 12]),
    Other(u8, Box<[u8]>),
}

/// An event, by where it stands in its batch.
pub struct Change {
    pub raw: Range<usize>,
    pub token: Range<usize>,
    pub time: u64,
    pub document: Option<Document>,
}

/// What a document's change tells of it; `identity` is the value of its `_id`.
pub struct Document {
    pub operation: Operation,
    pub place: usize,
    pub collection: usize,
    pub kind: ElementType,
    pub identity: Range<usize>,
}

#[derive(Default)]
pub struct Heads {
    pub changes: Vec<Change>,
    pub collections: Vec<String>,
    places: HashMap<Place, usize>,
}

impl Heads {
    pub fn of(raw: &[u8]) -> Walked<Heads> {
        let mut heads = Heads::default();
        let mut start = 0;
        for event in documents(raw) {
            let change = heads.change(raw, start, event)?;
            start = change.raw.end;
            heads.changes.push(change);
        }
        Ok(heads)
    }

    /// How many documents are changed.
    pub fn places(&self) -> usize {
        self.places.len()
    }

    /// Which of those that are changed a document of that collection is.
    pub fn find(&self, collection: usize, document: &[u8]) -> Walked<Option<usize>> {
        let (kind, value) = identity(RawDocument::from_bytes(document)?)?;
        Ok(self.places.get(&Place(collection, id(kind, &document[value])?)).copied())
    }

    fn change(&mut self, raw: &[u8], start: usize, event: &[u8]) -> Walked<Change> {
        let (mut token, mut name, mut time, mut ns, mut key) = (None, None, None, None, None);
        let mut at = LENGTH;
        for element in RawDocument::from_bytes(event)?.iter_elements() {
            let element = element?;
            let value = at + element.key().as_str().len() + 2;
            at = value + element.size();
            match element.key().as_str() {
                "_id" => token = Some(value..at),
                "operationType" => name = element.value()?.as_str(),
                "clusterTime" => time = element.value()?.as_timestamp(),
                "ns" => ns = element.value()?.as_document(),
                "documentKey" => key = element.value()?.as_document().map(|key| (key, value)),
                _ => continue,
            }
            if token.is_some() && name.is_some() && time.is_some() && ns.is_some() && key.is_some() {
                break;
            }
        }
        let document = match operation(name.ok_or(Odd)?) {
            Some(operation) => {
                let (key, within) = key.ok_or(Odd)?;
                let collection = self.collection(ns.ok_or(Odd)?)?;
                let (kind, value) = identity(key)?;
                let identity = start + within + value.start..start + within + value.end;
                let next = self.places.len();
                let place = *self.places.entry(Place(collection, id(kind, &raw[identity.clone()])?)).or_insert(next);
                Some(Document { operation, place, collection, kind, identity })
            }
            None => None,
        };
        let token = token.map(|token| start + token.start..start + token.end).ok_or(Odd)?;
        Ok(Change { raw: start..start + event.len(), token, time: number(time.ok_or(Odd)?), document })
    }

    fn collection(&mut self, ns: &RawDocument) -> Walked<usize> {
        let name = ns.get("coll")?.and_then(RawBsonRef::as_str).ok_or(Odd)?;
        if let Some(known) = self.collections.iter().position(|known| known == name) {
            return Ok(known);
        }
        self.collections.push(name.to_owned());
        Ok(self.collections.len() - 1)
    }
}

/// Times in their order.
pub fn number(time: Timestamp) -> u64 {
    u64::from(time.time) << 32 | u64::from(time.increment)
}

fn operation(name: &str) -> Option<Operation> {
    match name {
        "insert" => Some(Operation::Insert),
        "update" => Some(Operation::Update),
        "replace" => Some(Operation::Replace),
        "delete" => Some(Operation::Delete),
        _ => None,
    }
}

/// The type of a document's `_id`, and where its value stands.
fn identity(document: &RawDocument) -> Walked<(ElementType, Range<usize>)> {
    let mut at = LENGTH;
    for element in document.iter_elements() {
        let element = element?;
        let value = at + element.key().as_str().len() + 2;
        at = value + element.size();
        if element.key().as_str() == "_id" {
            return Ok((element.element_type(), value..at));
        }
    }
    Err(Odd)
}

fn id(kind: ElementType, value: &[u8]) -> Walked<Id> {
    Ok(match kind {
        ElementType::ObjectId => Id::Object(value.try_into().map_err(|_| Odd)?),
        ElementType::Int32 => Id::Integer(i32::from_le_bytes(value.try_into().map_err(|_| Odd)?).into()),
        ElementType::Int64 => Id::Integer(i64::from_le_bytes(value.try_into().map_err(|_| Odd)?)),
        ElementType::Double => match f64::from_le_bytes(value.try_into().map_err(|_| Odd)?) {
            whole if whole.fract() == 0.0 && (-WHOLE..WHOLE).contains(&whole) => Id::Integer(whole as i64),
            fraction if !fraction.is_nan() => Id::Fraction(fraction.to_bits()),
            _ => Id::Other(kind as u8, value.into()),
        },
        ElementType::Decimal128 => return Err(Odd),
        _ => Id::Other(kind as u8, value.into()),
    })
}
