//! Documents as JSON, as `pure.RELAXED` writes them, and as keys, as `keys.key_of` does.

use std::ops::Range;

use bson::raw::{RawArray, RawBsonRef, RawDocument, RawElement};
use bson::spec::ElementType;

use crate::json;
use crate::names::Names;

const DEEPEST: usize = 200; // levels of documents; a server takes no more
const INT64_END: f64 = 9_223_372_036_854_775_808.0; // 2^63

/// What is left to the walk in Python: malformed bytes, and what is too rare to be here.
pub struct Odd;

impl From<bson::error::Error> for Odd {
    fn from(_: bson::error::Error) -> Self {
        Odd
    }
}

pub type Walked<T> = Result<T, Odd>;

/// Where the JSON goes, and what was seen on the way.
#[derive(Default)]
pub struct Writer<'a> {
    pub out: Vec<u8>,
    /// Whether there was a value that Python would take for one of another type, such as a symbol for text.
    pub foreign: bool,
    names: Names<'a>,
    depth: usize,
}

impl<'a> Writer<'a> {
    /// Ready for another record; a broken one may have left its traces.
    pub fn begin(&mut self) {
        self.foreign = false;
        self.names.clear();
        self.depth = 0;
    }

    pub fn put(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    /// What was written at a place, once more.
    pub fn repeat(&mut self, place: Range<usize>) {
        self.out.extend_from_within(place);
    }

    /// The key `{"_id":…}` with its collection's JSON before: `{"ns":…,"_id":…}`.
    pub fn shared_key(&mut self, space: &[u8], key: Range<usize>) -> Range<usize> {
        let start = self.out.len();
        self.put(b"{\"ns\":");
        self.put(space);
        self.out.push(b',');
        self.repeat(key.start + 1..key.end);
        start..self.out.len()
    }

    /// A document as users have it.
    pub fn document(&mut self, document: &'a RawDocument) -> Walked<()> {
        self.fields::<false>(document)
    }

    /// An array as users have it.
    pub fn array(&mut self, array: &'a RawArray) -> Walked<()> {
        self.items::<false>(array)
    }

    /// `{"_id":…}` as the key; gives whether it is the document `{_id: …}` as users have it, too.
    pub fn key(&mut self, id: &RawElement<'a>) -> Walked<bool> {
        self.identity::<true>(id)?;
        Ok(!matches!(
            id.element_type(),
            ElementType::Double
                | ElementType::EmbeddedDocument
                | ElementType::Array
                | ElementType::RegularExpression
                | ElementType::Symbol
                | ElementType::JavaScriptCodeWithScope
                | ElementType::Decimal128
        ))
    }

    /// `{"_id":…}` as users have it.
    pub fn id(&mut self, id: &RawElement<'a>) -> Walked<()> {
        self.identity::<false>(id)
    }

    fn identity<const KEY: bool>(&mut self, id: &RawElement<'a>) -> Walked<()> {
        self.put(b"{\"_id\":");
        self.value::<KEY>(id)?;
        self.out.push(b'}');
        Ok(())
    }

    fn fields<const KEY: bool>(&mut self, document: &'a RawDocument) -> Walked<()> {
        self.deeper()?;
        let mut level = self.names.level();
        self.out.push(b'{');
        for (index, element) in document.iter_elements().enumerate() {
            let element = element?;
            let name = element.key().as_str();
            if !KEY && !self.names.is_new(&mut level, name) {
                return Err(Odd);
            }
            if index > 0 {
                self.out.push(b',');
            }
            self.out.push(b'"');
            if KEY && name.starts_with('$') {
                self.out.push(b'$');
            }
            json::escaped(&mut self.out, name);
            self.put(b"\":");
            self.value::<KEY>(&element)?;
        }
        self.out.push(b'}');
        self.depth -= 1;
        if self.names.end(&level) { Ok(()) } else { Err(Odd) }
    }

    fn items<const KEY: bool>(&mut self, array: &'a RawArray) -> Walked<()> {
        self.deeper()?;
        self.out.push(b'[');
        for (index, element) in array.iter_elements().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.value::<KEY>(&element?)?;
        }
        self.out.push(b']');
        self.depth -= 1;
        Ok(())
    }

    fn deeper(&mut self) -> Walked<()> {
        self.depth += 1;
        if self.depth > DEEPEST { Err(Odd) } else { Ok(()) }
    }

    fn value<const KEY: bool>(&mut self, element: &RawElement<'a>) -> Walked<()> {
        let out = &mut self.out;
        match element.value()? {
            RawBsonRef::String(text) => json::text(out, text),
            RawBsonRef::Int32(value) => json::integer(out, value),
            RawBsonRef::Int64(value) => json::integer(out, value),
            RawBsonRef::Double(value) if KEY && value.is_finite() => json::integer(out, whole(value)?),
            RawBsonRef::Double(value) => json::double(out, value),
            RawBsonRef::Boolean(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            RawBsonRef::Null => out.extend_from_slice(b"null"),
            RawBsonRef::ObjectId(id) => json::object_id(out, id.bytes()),
            RawBsonRef::DateTime(value) => json::date(out, value.timestamp_millis()),
            RawBsonRef::Document(inner) => return self.fields::<KEY>(inner),
            RawBsonRef::Array(inner) => return self.items::<KEY>(inner),
            value => return self.rare::<KEY>(value),
        }
        Ok(())
    }

    #[cold]
    fn rare<const KEY: bool>(&mut self, value: RawBsonRef<'a>) -> Walked<()> {
        let out = &mut self.out;
        match value {
            RawBsonRef::Binary(value) => json::binary(out, value.subtype.into(), value.bytes),
            RawBsonRef::Timestamp(value) => json::wrap(out, "$timestamp", |out| json::time(out, value)),
            RawBsonRef::Decimal128(_) if KEY => return Err(Odd),
            RawBsonRef::Decimal128(value) => {
                json::wrap(out, "$numberDecimal", |out| json::text(out, &value.to_string()))
            }
            RawBsonRef::RegularExpression(value) => {
                let mut options = value.options.as_str().as_bytes().to_vec();
                if !KEY {
                    options.sort_unstable();
                }
                let options = str::from_utf8(&options).map_err(|_| Odd)?;
                json::regex(out, value.pattern.as_str(), options);
            }
            RawBsonRef::MinKey => self.put(b"{\"$minKey\":1}"),
            RawBsonRef::MaxKey => self.put(b"{\"$maxKey\":1}"),
            _ => return self.foreign::<KEY>(value),
        }
        Ok(())
    }

    fn foreign<const KEY: bool>(&mut self, value: RawBsonRef<'a>) -> Walked<()> {
        self.foreign = true;
        let out = &mut self.out;
        match value {
            RawBsonRef::Symbol(value) if KEY => json::text(out, value),
            RawBsonRef::Symbol(value) => json::wrap(out, "$symbol", |out| json::text(out, value)),
            RawBsonRef::Undefined => out.extend_from_slice(b"{\"$undefined\":true}"),
            RawBsonRef::JavaScriptCode(value) => json::wrap(out, "$code", |out| json::text(out, value)),
            RawBsonRef::JavaScriptCodeWithScope(value) => {
                self.put(b"{\"$code\":");
                json::text(&mut self.out, value.code);
                self.put(b",\"$scope\":");
                self.fields::<KEY>(value.scope)?;
                self.out.push(b'}');
            }
            _ => return Err(Odd),
        }
        Ok(())
    }
}

fn whole(value: f64) -> Walked<i64> {
    if (-INT64_END..INT64_END).contains(&value) && value.fract() == 0.0 { Ok(value as i64) } else { Err(Odd) }
}
