//! Whether a document's field names are all different, told at a few nanoseconds a name.

const BITS: usize = 512;
const FEW: usize = 64; // names; with more, the filter fills up, and they are sorted instead

/// The names of the documents that are being walked, outermost first.
#[derive(Default)]
pub struct Names<'a>(Vec<&'a str>);

/// One document's names: where they begin, and a filter of those there are.
pub struct Level {
    start: usize,
    seen: [u64; BITS / 64],
}

impl<'a> Names<'a> {
    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn level(&self) -> Level {
        Level { start: self.0.len(), seen: [0; BITS / 64] }
    }

    /// Takes a name; false where the level has it already. Of more than a few, `end` tells.
    pub fn is_new(&mut self, level: &mut Level, name: &'a str) -> bool {
        let there = &self.0[level.start..];
        let place = place(name.as_bytes());
        let (word, bit) = (&mut level.seen[place / 64], 1 << (place % 64));
        if *word & bit != 0 && there.len() < FEW && there.contains(&name) {
            return false;
        }
        *word |= bit;
        self.0.push(name);
        true
    }

    /// The document is over; false where a name was there twice.
    pub fn end(&mut self, level: &Level) -> bool {
        let names = &mut self.0[level.start..];
        let many = names.len() > FEW;
        if many {
            names.sort_unstable();
        }
        let unique = !many || names.windows(2).all(|pair| pair[0] != pair[1]);
        self.0.truncate(level.start);
        unique
    }
}

/// A place in the filter, from a name's length, beginning and end.
fn place(name: &[u8]) -> usize {
    let ends = match (name.first_chunk(), name.last_chunk()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(23),
        _ => name.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)),
    };
    let mixed = (ends ^ name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 55) as usize % BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unique(names: &[String]) -> bool {
        let mut all = Names::default();
        let mut level = all.level();
        names.iter().all(|name| all.is_new(&mut level, name)) && all.end(&level)
    }

    #[test]
    fn a_name_is_found_again_among_few_and_among_many() {
        for count in [1, 2, 20, FEW - 1, FEW, FEW + 1, 1000] {
            let mut names: Vec<_> = (0..count).map(|number| format!("a name {number} of many")).collect();
            assert!(unique(&names));
            names.push(names[count / 2].clone());
            assert!(!unique(&names));
        }
    }

    #[test]
    fn a_document_inside_has_names_of_its_own() {
        let mut names = Names::default();
        let mut outer = names.level();
        assert!(names.is_new(&mut outer, "a"));
        let mut inner = names.level();
        assert!(names.is_new(&mut inner, "a"));
        assert!(names.end(&inner));
        assert!(!names.is_new(&mut outer, "a"));
    }
}
