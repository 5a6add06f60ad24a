//! Values without parts as JSON, spelt as orjson spells them.

use base64::prelude::{BASE64_STANDARD, Engine};
use bson::Timestamp;

const DAY_MS: i64 = 86_400_000;
const LAST_MS: i64 = 253_402_300_799_999; // 9999-12-31T23:59:59.999Z, the last date written as ISO 8601
const HEX: &[u8; 16] = b"0123456789abcdef";
const BLOCK: usize = 16; // bytes that are looked at as one

pub fn text(out: &mut Vec<u8>, text: &str) {
    quoted(out, |out| escaped(out, text));
}

pub fn quoted(out: &mut Vec<u8>, inner: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    inner(out);
    out.push(b'"');
}

/// What stands between the quotes of a text.
pub fn escaped(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let (clean, special) = rest.split_at(clean(rest));
        out.extend_from_slice(clean);
        let Some((byte, after)) = special.split_first() else { return };
        escape(out, *byte);
        rest = after;
    }
}

/// How many bytes there are before the first that needs to be escaped.
fn clean(bytes: &[u8]) -> usize {
    let clean = |block: &&[u8]| !block.iter().fold(false, |any, byte| any | special(*byte));
    let start = BLOCK * bytes.chunks_exact(BLOCK).take_while(clean).count();
    let end = bytes[start..].iter().position(|byte| special(*byte));
    end.map_or(bytes.len(), |end| start + end)
}

fn special(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        _ => {
            out.extend_from_slice(b"\\u00");
            return hex(out, &[byte]);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

pub fn integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A finite double.
pub fn double(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
}

/// The name of a double that is not finite.
pub fn unbounded(value: f64) -> &'static str {
    match value {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

pub fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}

pub fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    for part in bytes.chunks(768) {
        let mut buffer = [0; 1024];
        if let Ok(length) = BASE64_STANDARD.encode_slice(part, &mut buffer) {
            out.extend_from_slice(&buffer[..length]);
        }
    }
}

/// `{"name":…}`
pub fn wrap(out: &mut Vec<u8>, name: &str, value: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"{\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    value(out);
    out.push(b'}');
}

pub fn regex(out: &mut Vec<u8>, pattern: &str, options: &str) {
    wrap(out, "$regularExpression", |out| {
        out.extend_from_slice(b"{\"pattern\":");
        text(out, pattern);
        out.extend_from_slice(b",\"options\":");
        text(out, options);
        out.push(b'}');
    });
}

/// `{"t":…,"i":…}`
pub fn time(out: &mut Vec<u8>, time: Timestamp) {
    out.extend_from_slice(b"{\"t\":");
    integer(out, time.time);
    out.extend_from_slice(b",\"i\":");
    integer(out, time.increment);
    out.push(b'}');
}

/// Whether a date is in the years 1970 to 9999, which relaxed Extended JSON writes as ISO 8601.
pub fn is_iso(ms: i64) -> bool {
    (0..=LAST_MS).contains(&ms)
}

/// A date in the years 1 to 9999.
pub fn iso(out: &mut Vec<u8>, ms: i64) {
    let (year, month, day) = civil(ms.div_euclid(DAY_MS));
    let ms = ms.rem_euclid(DAY_MS);
    digits::<4>(out, year);
    out.push(b'-');
    digits::<2>(out, month);
    out.push(b'-');
    digits::<2>(out, day);
    out.push(b'T');
    digits::<2>(out, ms / 3_600_000);
    out.push(b':');
    digits::<2>(out, ms / 60_000 % 60);
    out.push(b':');
    digits::<2>(out, ms / 1000 % 60);
    if ms % 1000 != 0 {
        out.push(b'.');
        digits::<3>(out, ms % 1000);
    }
    out.extend_from_slice(b"Z");
}

/// Year, month and day of a day since 1970, by the proleptic Gregorian calendar with years that begin in March.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468; // since 0000-03-01
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (later, day) = (month / 10, day - (153 * month + 2) / 5 + 1);
    (era * 400 + year + later, month + 3 - 12 * later, day)
}

fn digits<const N: usize>(out: &mut Vec<u8>, mut value: i64) {
    let mut text = [b'0'; N];
    for digit in text.iter_mut().rev() {
        *digit = b"0123456789"[(value % 10).unsigned_abs() as usize];
        value /= 10;
    }
    out.extend_from_slice(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_escaped_wherever_it_needs_it() {
        for clean in ["", "a", "sixteen bytes ok", "sixteen bytes ok and more", "Zürich \u{2028}\u{1f600}\x7f"] {
            assert_eq!(written(|out| text(out, clean)), format!("\"{clean}\""));
        }
        assert_eq!(written(|out| text(out, "sixteen bytes ok\0\"\\")), r#""sixteen bytes ok\u0000\"\\""#);
        assert_eq!(written(|out| text(out, "\x08\t\n\x0b\x0c\r\x1f")), r#""\b\t\n\u000b\f\r\u001f""#);
    }

    #[test]
    fn doubles_keep_their_point() {
        for (value, spelt) in
            [(0.0, "0.0"), (-0.0, "-0.0"), (2.0, "2.0"), (1e22, "1e+22"), (1e-7, "1e-7"), (0.1, "0.1")]
        {
            assert_eq!(written(|out| double(out, value)), spelt);
        }
    }

    #[test]
    fn dates_of_any_century() {
        for (ms, spelt) in [
            (-62_135_596_800_000, "0001-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
            (LAST_MS, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(written(|out| iso(out, ms)), spelt);
        }
    }

    #[test]
    fn base64_of_any_length() {
        for (length, end) in [(0, ""), (1, "AA=="), (767, "AAA="), (768, "AAAA"), (769, "AA==")] {
            let coded = written(|out| base64(out, &vec![0; length]));
            assert_eq!(coded.len(), length.div_ceil(3) * 4);
            assert!(coded.ends_with(end));
        }
    }
}
