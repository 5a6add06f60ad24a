//! What is to be read for the changes of a batch, and how they are completed with it; `plans.py` says what it is.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bson::spec::ElementType;

use crate::batch::documents;
use crate::document::Walked;
use crate::heads::{Change, Document, Heads, Operation};

pub const HOW: [&str; 3] = ["exact", "latest", "none"];
const EXACT: usize = 0;
const LATEST: usize = 1;
const NONE: usize = 2;

/// Which images are wanted, and how often changes may be cut for them.
#[derive(Clone, Copy)]
pub struct Wanted {
    pub after: bool,
    pub before: bool,
    pub most_cuts: usize,
}

/// The documents of one collection that are wanted as of one time: a filter, and how many it names.
pub struct Read {
    stand: usize,
    pub time: u64,
    pub collection: usize,
    pub documents: usize,
    pub filter: Vec<u8>,
}

/// A change between two cuts, and whether it is its document's first and last change there.
struct Placed {
    change: usize,
    segment: usize,
    first: bool,
    last: bool,
}

/// A document that stood at a time: in which reply and where, and whether it is of that time exactly.
#[derive(Clone)]
struct Stood {
    reply: usize,
    place: Range<usize>,
    exact: bool,
}

pub struct Plan {
    heads: Arc<Heads>,
    wanted: Wanted,
    placed: Vec<Placed>,
    pub reads: Vec<Read>,
    stood: HashMap<(usize, usize), Stood>,
}

impl Plan {
    /// For some of the changes; `begun` and `unfinished` are those of `cut`.
    pub fn new(
        heads: Arc<Heads>,
        raw: &[u8],
        part: Range<usize>,
        wanted: Wanted,
        begun: Option<u64>,
        unfinished: bool,
    ) -> Plan {
        let segments = cut(&heads, part, wanted, begun, unfinished);
        let placed = placed(&heads, &segments);
        let mut plan = Plan { heads, wanted, placed, reads: Vec::new(), stood: HashMap::new() };
        for stand in 0..=segments.len() {
            plan.stand(raw, &segments, stand);
        }
        plan
    }

    /// Takes a reply to a read, which is to be the next of `completed`'s.
    pub fn stood(&mut self, read: usize, reply: usize, raw: &[u8], exact: bool) -> Walked<()> {
        let Read { stand, collection, .. } = self.reads[read];
        let mut start = 0;
        for document in documents(raw) {
            let place = start..start + document.len();
            start = place.end;
            if let Some(found) = self.heads.find(collection, document)? {
                self.stood.insert((stand, found), Stood { reply, place, exact });
            }
        }
        Ok(())
    }

    /// What the images take in the events.
    pub fn nbytes(&self) -> usize {
        let images = self.placed.iter().flat_map(|placed| {
            let document = self.heads.changes[placed.change].document.as_ref();
            let after = document.filter(|each| self.wants_after(each)).and_then(|each| self.after(each, placed).0);
            let before = document.filter(|each| self.wants_before(each)).and_then(|each| self.before(each, placed).0);
            [after, before]
        });
        images.flatten().map(|stood| stood.place.len()).sum()
    }

    /// The events with their images, and how many were had in each way of `HOW`.
    pub fn completed(&self, raw: &[u8], replies: &[&[u8]]) -> (Vec<u8>, [usize; 3]) {
        let images: usize = self.stood.values().map(|stood| stood.place.len()).sum();
        let mut out = Vec::with_capacity(raw.len() + images + 64 * self.placed.len());
        let mut counts = [0; 3];
        for placed in &self.placed {
            let change = &self.heads.changes[placed.change];
            let event = &raw[change.raw.clone()];
            let Some(document) = &change.document else {
                out.extend_from_slice(event);
                continue;
            };
            let after = self.wants_after(document).then(|| self.after(document, placed));
            let before = self.wants_before(document).then(|| self.before(document, placed));
            let Some(how) = after.iter().chain(&before).map(|(_, how)| *how).max() else {
                out.extend_from_slice(event);
                continue;
            };
            let start = out.len();
            out.extend_from_slice(&event[..event.len() - 1]);
            let mut any = false;
            for (name, image) in [("fullDocument", after), ("fullDocumentBeforeChange", before)] {
                if let Some((Some(stood), _)) = image {
                    field(&mut out, ElementType::EmbeddedDocument, name);
                    out.extend_from_slice(&replies[stood.reply][stood.place.clone()]);
                    any = true;
                }
            }
            field(&mut out, ElementType::String, "imageRead");
            out.extend_from_slice(&length(HOW[how].len() + 1));
            out.extend_from_slice(HOW[how].as_bytes());
            out.extend_from_slice(b"\0\0");
            let size = length(out.len() - start);
            out[start..start + size.len()].copy_from_slice(&size);
            counts[if any { how } else { NONE }] += 1;
        }
        (out, counts)
    }

    fn after(&self, document: &Document, placed: &Placed) -> (Option<&Stood>, usize) {
        let stood = self.stood.get(&(placed.segment + 1, document.place));
        let exact = stood.is_some_and(|stood| stood.exact && placed.last);
        (stood, if exact { EXACT } else { LATEST })
    }

    fn before(&self, document: &Document, placed: &Placed) -> (Option<&Stood>, usize) {
        match self.stood.get(&(placed.segment, document.place)) {
            Some(stood) if stood.exact && placed.first => (Some(stood), EXACT),
            _ => (None, LATEST),
        }
    }

    fn wants_after(&self, document: &Document) -> bool {
        self.wanted.after && document.operation == Operation::Update
    }

    fn wants_before(&self, document: &Document) -> bool {
        self.wanted.before && document.operation != Operation::Insert
    }

    /// The reads between one segment and the next.
    fn stand(&mut self, raw: &[u8], segments: &[Range<usize>], stand: usize) {
        let changes = &self.heads.changes;
        let left = stand.checked_sub(1).map_or(0..0, |before| segments[before].clone());
        let found = segments.get(stand).cloned().unwrap_or(0..0);
        let time = if stand == 0 { changes[found.start].time - 1 } else { changes[left.end - 1].time };
        let left = changes[left].iter().filter_map(|each| each.document.as_ref()).filter(|each| self.wants_after(each));
        let found =
            changes[found].iter().filter_map(|each| each.document.as_ref()).filter(|each| self.wants_before(each));
        let mut wanted: Vec<(usize, Vec<&Document>)> = Vec::new();
        let mut known: HashMap<usize, usize> = HashMap::new();
        for document in left.chain(found) {
            let of = match wanted.iter().position(|(collection, _)| *collection == document.collection) {
                Some(of) => of,
                None => {
                    wanted.push((document.collection, Vec::new()));
                    wanted.len() - 1
                }
            };
            let documents = &mut wanted[of].1;
            match known.get(&document.place) {
                Some(index) => documents[*index] = document,
                None => {
                    known.insert(document.place, documents.len());
                    documents.push(document);
                }
            }
        }
        let reads = wanted.into_iter().map(|(collection, documents)| Read {
            stand,
            time,
            collection,
            documents: documents.len(),
            filter: among(raw, &documents),
        });
        let reads: Vec<_> = reads.collect();
        self.reads.extend(reads);
    }
}

/// The segments between cuts, by the numbers of their changes.
fn cut(
    heads: &Heads,
    part: Range<usize>,
    wanted: Wanted,
    mut begun: Option<u64>,
    unfinished: bool,
) -> Vec<Range<usize>> {
    let Wanted { before, most_cuts, .. } = wanted;
    let changes = &heads.changes;
    let last = if unfinished { changes[..part.end].last().map(|change| change.time) } else { None };
    let mut segments = Vec::new();
    let mut known = vec![usize::MAX; heads.places()];
    let (mut start, mut cuts, mut place) = (part.start, 0, part.start);
    for together in changes[part.clone()].chunk_by(|one, other| one.time == other.time) {
        let time = Some(together[0].time);
        let (from, to) = (place, place + together.len());
        place = to;
        let again = |change: &Change| change.document.as_ref().is_some_and(|each| known[each.place] == segments.len());
        let alone = together.iter().any(|change| change.document.is_none());
        if start < from && (alone || time == last || cuts < most_cuts && together.iter().any(again)) {
            segments.push(start..from);
            start = from;
            cuts += 1;
        }
        if alone || before && (begun.is_none() || begun == time) {
            segments.push(start..to);
            start = to;
            begun = Some(0);
            continue;
        }
        for document in together.iter().filter_map(|change| change.document.as_ref()) {
            if before || document.operation == Operation::Update {
                known[document.place] = segments.len();
            }
        }
    }
    if start < part.end {
        segments.push(start..part.end);
    }
    segments
}

fn placed(heads: &Heads, segments: &[Range<usize>]) -> Vec<Placed> {
    let mut placed = Vec::new();
    let mut times = vec![(usize::MAX, 0, 0); heads.places()];
    for (segment, range) in segments.iter().enumerate() {
        let changes = &heads.changes[range.clone()];
        let each = || changes.iter().filter_map(|change| Some((change.time, change.document.as_ref()?.place)));
        for (time, place) in each() {
            let (within, first, last) = &mut times[place];
            if *within != segment {
                (*within, *first) = (segment, time);
            }
            *last = time;
        }
        for (index, change) in changes.iter().enumerate() {
            let (first, last) = change.document.as_ref().map_or((false, false), |document| {
                let (_, first, last) = times[document.place];
                (first == change.time, last == change.time)
            });
            placed.push(Placed { change: range.start + index, segment, first, last });
        }
    }
    placed
}

/// The filter `{_id: {$in: […]}}`.
fn among(raw: &[u8], identities: &[&Document]) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + 24 * identities.len());
    let whole = open(&mut out, None);
    let within = open(&mut out, Some((ElementType::EmbeddedDocument, "_id")));
    let array = open(&mut out, Some((ElementType::Array, "$in")));
    let mut digits = itoa::Buffer::new();
    for (place, document) in identities.iter().enumerate() {
        field(&mut out, document.kind, digits.format(place));
        out.extend_from_slice(&raw[document.identity.clone()]);
    }
    for start in [array, within, whole] {
        out.push(0);
        let size = length(out.len() - start);
        out[start..start + size.len()].copy_from_slice(&size);
    }
    out
}

/// Begins a document, whose length is yet to be written where it begins.
fn open(out: &mut Vec<u8>, named: Option<(ElementType, &str)>) -> usize {
    if let Some((kind, name)) = named {
        field(out, kind, name);
    }
    out.extend_from_slice(&[0; 4]);
    out.len() - 4
}

fn field(out: &mut Vec<u8>, kind: ElementType, name: &str) {
    out.push(kind as u8);
    out.extend_from_slice(name.as_bytes());
    out.push(0);
}

/// As BSON has it; no document is longer than 48 MB.
fn length(bytes: usize) -> [u8; 4] {
    i32::try_from(bytes).unwrap_or(i32::MAX).to_le_bytes()
}
