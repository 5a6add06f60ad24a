//! Change events of documents as records; `changes.py` says what they are, and makes those of collections.

use std::ops::Range;

use bson::Timestamp;
use bson::raw::{RawArray, RawBsonRef, RawDocument, RawElement};
use bson::spec::BinarySubtype;
use pyo3::prelude::*;

use crate::batch::{Form, Record, Spaces};
use crate::document::{Odd, Walked, Writer};
use crate::json;

pub const OPERATIONS: [&str; 4] = ["insert", "update", "replace", "delete"];
const UPDATE: usize = 1;

/// The envelope's end, by how the images were had.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Images {
    event: Vec<u8>,
    exact: Vec<u8>,
    stored: Vec<u8>,
    latest: Vec<u8>,
    none: Vec<u8>,
}

pub struct Changes {
    pub images: Images,
    /// How an update has its document where the source has not read it: `latest`, else `stored`.
    pub latest: bool,
    /// Whether the documents before the change were asked for.
    pub before: bool,
    /// Whether collections share a topic.
    pub shared: bool,
}

/// What an event holds; a field that is null is there, and nothing.
#[derive(Default)]
struct Event<'a> {
    token: Option<&'a str>,
    operation: Option<usize>,
    time: Option<Timestamp>,
    wall: Option<i64>,
    ns: Option<&'a RawDocument>,
    id: Option<&'a RawDocument>,
    after: Option<Option<&'a RawDocument>>,
    before: Option<Option<&'a RawDocument>>,
    update: Option<&'a RawDocument>,
    session: Option<[u8; 16]>,
    number: Option<i64>,
    read: Option<&'a str>,
}

#[derive(Default)]
struct Update<'a> {
    set: Option<&'a RawDocument>,
    unset: Option<&'a RawArray>,
    truncated: Option<&'a RawArray>,
    paths: Option<Option<&'a RawDocument>>,
}

impl Form for Changes {
    fn record<'a>(&self, raw: &'a RawDocument, writer: &mut Writer<'a>, spaces: &mut Spaces<'a>) -> Walked<Record<'a>> {
        let event = event(raw)?;
        let (space, operation) = (spaces.find(event.ns.ok_or(Odd)?)?, event.operation.ok_or(Odd)?);
        let time = event.time.ok_or(Odd)?;
        let ms = event.wall.unwrap_or(i64::from(time.time) * 1000);
        let (after, before) = (event.after.flatten(), event.before.flatten());
        if before.is_some() && !self.before {
            return Err(Odd);
        }

        let identity = event.id.ok_or(Odd)?;
        let (key, same) = key(identity, writer)?;
        writer.put(b"{\"v\":1,\"op\":\"");
        writer.put(OPERATIONS[operation].as_bytes());
        writer.put(b"\",\"ns\":");
        writer.put(spaces.text(space));
        writer.put(b",\"key\":");
        if same {
            writer.repeat(key.clone());
        } else {
            writer.document(identity)?;
        }
        writer.put(b",\"after\":");
        section(after, writer)?;
        writer.put(b",\"before\":");
        section(before, writer)?;
        writer.put(b",\"update\":");
        match (operation, event.update) {
            (UPDATE, Some(update)) => description(update, writer)?,
            (UPDATE, None) | (_, Some(_)) => return Err(Odd),
            (_, None) => writer.put(b"null"),
        }
        writer.put(b",\"ts\":");
        json::time(&mut writer.out, time);
        writer.put(b",\"ts_ms\":");
        json::integer(&mut writer.out, ms);
        writer.put(b",\"txn\":");
        match event.session {
            Some(session) => transaction(session, event.number.ok_or(Odd)?, writer),
            None => writer.put(b"null"),
        }
        writer.put(self.image(operation, after.is_some(), before.is_some(), event.read)?);
        let value = key.end..writer.out.len();
        let key = if self.shared { writer.shared_key(spaces.text(space), key) } else { key };
        Ok(Record { space, operation, key, value, ms, token: event.token.ok_or(Odd)? })
    }
}

impl Changes {
    /// The envelope's end, as `changes.py` finds it.
    fn image(&self, operation: usize, after: bool, before: bool, read: Option<&str>) -> Walked<&[u8]> {
        Ok(match (after, before, read) {
            (false, false, _) => &self.images.none,
            (_, _, Some("exact")) => &self.images.exact,
            (_, _, Some("latest")) => &self.images.latest,
            (_, _, Some(_)) => return Err(Odd),
            (true, _, None) if operation == UPDATE && self.latest => &self.images.latest,
            (true, _, None) if operation == UPDATE => &self.images.stored,
            (_, true, None) => &self.images.stored,
            (_, false, None) => &self.images.event,
        })
    }
}

fn event(raw: &RawDocument) -> Walked<Event<'_>> {
    let mut event = Event::default();
    for element in raw.iter_elements() {
        let element = element?;
        match (element.key().as_str(), element.value()?) {
            ("_id", RawBsonRef::Document(token)) => once(&mut event.token, text(only(token, "_data")?)?)?,
            ("operationType", RawBsonRef::String(name)) => {
                let known = OPERATIONS.iter().position(|operation| *operation == name);
                once(&mut event.operation, known.ok_or(Odd)?)?;
            }
            ("clusterTime", RawBsonRef::Timestamp(time)) => once(&mut event.time, time)?,
            ("wallTime", RawBsonRef::DateTime(time)) => {
                let ms = time.timestamp_millis();
                once(&mut event.wall, if json::is_iso(ms) { ms } else { return Err(Odd) })?;
            }
            ("ns", RawBsonRef::Document(ns)) => once(&mut event.ns, ns)?,
            ("documentKey", RawBsonRef::Document(key)) => once(&mut event.id, key)?,
            ("fullDocument", value) => once(&mut event.after, image(value)?)?,
            ("fullDocumentBeforeChange", value) => once(&mut event.before, image(value)?)?,
            ("updateDescription", RawBsonRef::Document(update)) => once(&mut event.update, update)?,
            ("lsid", RawBsonRef::Document(session)) => once(&mut event.session, uuid(session)?)?,
            ("txnNumber", RawBsonRef::Int64(number)) => once(&mut event.number, number)?,
            ("collectionUUID", RawBsonRef::Binary(_)) => (),
            ("imageRead", RawBsonRef::String(how)) => once(&mut event.read, how)?,
            _ => return Err(Odd),
        }
    }
    Ok(event)
}

/// The key, and whether it is also the JSON of the whole identity.
fn key<'a>(identity: &'a RawDocument, writer: &mut Writer<'a>) -> Walked<(Range<usize>, bool)> {
    let start = writer.out.len();
    let mut written = None;
    let mut others = false;
    for element in identity.iter_elements() {
        let element = element?;
        if element.key().as_str() == "_id" {
            once(&mut written, writer.key(&element)?)?;
        } else {
            others = true;
        }
    }
    Ok((start..writer.out.len(), written.ok_or(Odd)? && !others))
}

fn section<'a>(document: Option<&'a RawDocument>, writer: &mut Writer<'a>) -> Walked<()> {
    match document {
        Some(document) => writer.document(document),
        None => {
            writer.put(b"null");
            Ok(())
        }
    }
}

fn description<'a>(description: &'a RawDocument, writer: &mut Writer<'a>) -> Walked<()> {
    let mut update = Update::default();
    for element in description.iter_elements() {
        let element = element?;
        match (element.key().as_str(), element.value()?) {
            ("updatedFields", RawBsonRef::Document(set)) => once(&mut update.set, set)?,
            ("removedFields", RawBsonRef::Array(unset)) => once(&mut update.unset, unset)?,
            ("truncatedArrays", RawBsonRef::Array(truncated)) => once(&mut update.truncated, truncated)?,
            ("disambiguatedPaths", value) => once(&mut update.paths, image(value)?)?,
            _ => return Err(Odd),
        }
    }
    writer.put(b"{\"set\":");
    writer.document(update.set.ok_or(Odd)?)?;
    writer.put(b",\"unset\":");
    writer.list(update.unset.ok_or(Odd)?)?;
    writer.put(b",\"truncated\":");
    match update.truncated {
        Some(truncated) => writer.list(truncated)?,
        None => writer.put(b"[]"),
    }
    writer.put(b",\"paths\":");
    match update.paths.flatten() {
        Some(paths) => writer.told(paths)?,
        None => writer.put(b"null"),
    }
    writer.put(b"}");
    Ok(())
}

fn transaction(session: [u8; 16], number: i64, writer: &mut Writer) {
    writer.put(b"{\"id\":\"");
    for (index, group) in [0..4, 4..6, 6..8, 8..10, 10..16].into_iter().enumerate() {
        if index > 0 {
            writer.put(b"-");
        }
        json::hex(&mut writer.out, &session[group]);
    }
    writer.put(b"\",\"n\":");
    json::integer(&mut writer.out, number);
    writer.put(b"}");
}

fn once<T>(slot: &mut Option<T>, value: T) -> Walked<()> {
    if slot.replace(value).is_none() { Ok(()) } else { Err(Odd) }
}

fn image(value: RawBsonRef<'_>) -> Walked<Option<&RawDocument>> {
    match value {
        RawBsonRef::Document(document) => Ok(Some(document)),
        RawBsonRef::Null => Ok(None),
        _ => Err(Odd),
    }
}

fn text(value: RawBsonRef<'_>) -> Walked<&str> {
    value.as_str().ok_or(Odd)
}

/// The only field of a document, of that name.
fn only<'a>(document: &'a RawDocument, name: &str) -> Walked<RawBsonRef<'a>> {
    let mut fields = document.iter_elements();
    match (fields.next(), fields.next()) {
        (Some(Ok(field)), None) if field.key().as_str() == name => Ok(field.value()?),
        _ => Err(Odd),
    }
}

/// A session's UUID; what else a session has is not told.
fn uuid(session: &RawDocument) -> Walked<[u8; 16]> {
    let mut id = None;
    for element in session.iter_elements() {
        let element: RawElement = element?;
        match (element.key().as_str(), element.value()?) {
            ("id", RawBsonRef::Binary(value)) if value.subtype == BinarySubtype::Uuid => {
                once(&mut id, value.bytes.try_into().map_err(|_| Odd)?)?;
            }
            ("uid" | "txnUUID", RawBsonRef::Binary(_)) | ("txnNumber", RawBsonRef::Int64(_)) => (),
            _ => return Err(Odd),
        }
    }
    id.ok_or(Odd)
}
