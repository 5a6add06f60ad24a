//! Documents as JSON, in the dialects of `dialects.py`, and as keys, as `keys.key_of` writes them.

use std::ops::Range;

use bson::raw::{RawArray, RawBsonRef, RawDocument, RawElement};
use bson::spec::ElementType;

use crate::dialects::{Canonical, Dialect, Key, Plain, Relaxed};
use crate::json;
use crate::names::Names;

const DEEPEST: usize = 200; // levels of documents; a server takes no more

/// What is left to the walk in Python: malformed bytes, and what is too rare to be here.
pub struct Odd;

impl From<bson::error::Error> for Odd {
    fn from(_: bson::error::Error) -> Self {
        Odd
    }
}

pub type Walked<T> = Result<T, Odd>;

/// The dialect of documents.
#[derive(Clone, Copy)]
pub enum Language {
    Relaxed,
    Canonical,
    Plain,
}

impl Language {
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "relaxed" => Some(Language::Relaxed),
            "canonical" => Some(Language::Canonical),
            "plain" => Some(Language::Plain),
            _ => None,
        }
    }
}

/// Where the JSON goes, and what was seen on the way.
pub struct Writer<'a> {
    pub out: Vec<u8>,
    /// Whether there was a value that Python would take for one of another type, such as a symbol for text.
    pub foreign: bool,
    language: Language,
    names: Names<'a>,
    depth: usize,
}

impl<'a> Writer<'a> {
    pub fn new(language: Language, capacity: usize) -> Self {
        Writer { out: Vec::with_capacity(capacity), foreign: false, language, names: Names::default(), depth: 0 }
    }

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

    /// A document in the dialect of documents.
    pub fn document(&mut self, document: &'a RawDocument) -> Walked<()> {
        match self.language {
            Language::Relaxed => self.fields::<Relaxed>(document),
            Language::Canonical => self.fields::<Canonical>(document),
            Language::Plain => self.fields::<Plain>(document),
        }
    }

    /// A document of the server's own, such as what an update did.
    pub fn told(&mut self, document: &'a RawDocument) -> Walked<()> {
        self.fields::<Relaxed>(document)
    }

    /// An array of the server's own.
    pub fn list(&mut self, array: &'a RawArray) -> Walked<()> {
        self.items::<Relaxed>(array)
    }

    /// `{"_id":…}` as the key; gives whether it is the document `{_id: …}` in the dialect of documents, too.
    pub fn key(&mut self, id: &RawElement<'a>) -> Walked<bool> {
        self.identity::<Key>(id)?;
        let differs = matches!(
            id.element_type(),
            ElementType::Double
                | ElementType::EmbeddedDocument
                | ElementType::Array
                | ElementType::RegularExpression
                | ElementType::Symbol
                | ElementType::JavaScriptCodeWithScope
                | ElementType::Decimal128
        );
        Ok(matches!(self.language, Language::Relaxed) && !differs)
    }

    /// `{"_id":…}` in the dialect of documents.
    pub fn id(&mut self, id: &RawElement<'a>) -> Walked<()> {
        match self.language {
            Language::Relaxed => self.identity::<Relaxed>(id),
            Language::Canonical => self.identity::<Canonical>(id),
            Language::Plain => self.identity::<Plain>(id),
        }
    }

    fn identity<D: Dialect>(&mut self, id: &RawElement<'a>) -> Walked<()> {
        self.put(b"{\"_id\":");
        self.value::<D>(id)?;
        self.out.push(b'}');
        Ok(())
    }

    fn fields<D: Dialect>(&mut self, document: &'a RawDocument) -> Walked<()> {
        self.deeper()?;
        let mut level = self.names.level();
        self.out.push(b'{');
        for (index, element) in document.iter_elements().enumerate() {
            let element = element?;
            let name = element.key().as_str();
            if !D::REPEATS && !self.names.is_new(&mut level, name) {
                return Err(Odd);
            }
            if index > 0 {
                self.out.push(b',');
            }
            D::name(&mut self.out, name);
            self.out.push(b':');
            self.value::<D>(&element)?;
        }
        self.out.push(b'}');
        self.depth -= 1;
        if self.names.end(&level) { Ok(()) } else { Err(Odd) }
    }

    fn items<D: Dialect>(&mut self, array: &'a RawArray) -> Walked<()> {
        self.deeper()?;
        self.out.push(b'[');
        for (index, element) in array.iter_elements().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.value::<D>(&element?)?;
        }
        self.out.push(b']');
        self.depth -= 1;
        Ok(())
    }

    fn deeper(&mut self) -> Walked<()> {
        self.depth += 1;
        if self.depth > DEEPEST { Err(Odd) } else { Ok(()) }
    }

    fn value<D: Dialect>(&mut self, element: &RawElement<'a>) -> Walked<()> {
        let out = &mut self.out;
        match element.value()? {
            RawBsonRef::String(text) => json::text(out, text),
            RawBsonRef::Int32(value) => D::int32(out, value),
            RawBsonRef::Int64(value) => D::int64(out, value),
            RawBsonRef::Double(value) => return D::double(out, value),
            RawBsonRef::Boolean(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            RawBsonRef::Null => out.extend_from_slice(b"null"),
            RawBsonRef::ObjectId(id) => D::object_id(out, id.bytes()),
            RawBsonRef::DateTime(value) => D::date(out, value.timestamp_millis()),
            RawBsonRef::Document(inner) => return self.fields::<D>(inner),
            RawBsonRef::Array(inner) => return self.items::<D>(inner),
            value => return self.rare::<D>(value),
        }
        Ok(())
    }

    #[cold]
    fn rare<D: Dialect>(&mut self, value: RawBsonRef<'a>) -> Walked<()> {
        let out = &mut self.out;
        match value {
            RawBsonRef::Binary(value) => D::binary(out, value.subtype.into(), value.bytes),
            RawBsonRef::Timestamp(value) => D::timestamp(out, value),
            RawBsonRef::Decimal128(value) => return D::decimal(out, value),
            RawBsonRef::RegularExpression(value) => {
                return D::regex(out, value.pattern.as_str(), value.options.as_str());
            }
            RawBsonRef::MinKey => self.put(D::MIN_KEY.as_bytes()),
            RawBsonRef::MaxKey => self.put(D::MAX_KEY.as_bytes()),
            _ => return self.foreign::<D>(value),
        }
        Ok(())
    }

    fn foreign<D: Dialect>(&mut self, value: RawBsonRef<'a>) -> Walked<()> {
        self.foreign = true;
        let out = &mut self.out;
        match value {
            RawBsonRef::Symbol(value) => D::symbol(out, value),
            RawBsonRef::Undefined => self.put(D::UNDEFINED.as_bytes()),
            RawBsonRef::JavaScriptCode(value) => D::code(out, value),
            RawBsonRef::JavaScriptCodeWithScope(value) => {
                self.put(D::CODE.as_bytes());
                json::text(&mut self.out, value.code);
                self.put(D::SCOPE.as_bytes());
                self.fields::<D>(value.scope)?;
                self.out.push(b'}');
            }
            _ => return Err(Odd),
        }
        Ok(())
    }
}
