//! How each BSON type is written: what dialects differ in; `dialects.py` and `keys.py` say why.

use bson::{Decimal128, Timestamp};

use crate::document::{Odd, Walked};
use crate::json;

const FIRST_MS: i64 = -62_135_596_800_000; // 0001-01-01T00:00:00Z
const INT64_END: f64 = 9_223_372_036_854_775_808.0; // 2^63

/// One dialect; what is said here is the relaxed one.
pub trait Dialect {
    const REPEATS: bool = false;
    const CODE: &str = "{\"$code\":";
    const SCOPE: &str = ",\"$scope\":";
    const UNDEFINED: &str = "{\"$undefined\":true}";
    const MIN_KEY: &str = "{\"$minKey\":1}";
    const MAX_KEY: &str = "{\"$maxKey\":1}";

    fn name(out: &mut Vec<u8>, name: &str) {
        json::text(out, name);
    }

    fn int32(out: &mut Vec<u8>, value: i32) {
        json::integer(out, value);
    }

    fn int64(out: &mut Vec<u8>, value: i64) {
        json::integer(out, value);
    }

    fn double(out: &mut Vec<u8>, value: f64) -> Walked<()> {
        if value.is_finite() {
            json::double(out, value);
        } else {
            json::wrap(out, "$numberDouble", |out| json::text(out, json::unbounded(value)));
        }
        Ok(())
    }

    fn date(out: &mut Vec<u8>, ms: i64) {
        if json::is_iso(ms) {
            json::wrap(out, "$date", |out| json::quoted(out, |out| json::iso(out, ms)));
        } else {
            Canonical::date(out, ms);
        }
    }

    fn object_id(out: &mut Vec<u8>, id: [u8; 12]) {
        json::wrap(out, "$oid", |out| json::quoted(out, |out| json::hex(out, &id)));
    }

    fn binary(out: &mut Vec<u8>, subtype: u8, bytes: &[u8]) {
        json::wrap(out, "$binary", |out| {
            out.extend_from_slice(b"{\"base64\":");
            json::quoted(out, |out| json::base64(out, bytes));
            out.extend_from_slice(b",\"subType\":");
            json::quoted(out, |out| json::hex(out, &[subtype]));
            out.push(b'}');
        });
    }

    fn regex(out: &mut Vec<u8>, pattern: &str, options: &str) -> Walked<()> {
        let options = sorted(options)?;
        json::regex(out, pattern, &options);
        Ok(())
    }

    fn timestamp(out: &mut Vec<u8>, value: Timestamp) {
        json::wrap(out, "$timestamp", |out| json::time(out, value));
    }

    fn decimal(out: &mut Vec<u8>, value: Decimal128) -> Walked<()> {
        json::wrap(out, "$numberDecimal", |out| json::text(out, &value.to_string()));
        Ok(())
    }

    fn code(out: &mut Vec<u8>, code: &str) {
        json::wrap(out, "$code", |out| json::text(out, code));
    }

    fn symbol(out: &mut Vec<u8>, symbol: &str) {
        json::wrap(out, "$symbol", |out| json::text(out, symbol));
    }
}

pub struct Relaxed;

impl Dialect for Relaxed {}

pub struct Canonical;

impl Dialect for Canonical {
    fn int32(out: &mut Vec<u8>, value: i32) {
        json::wrap(out, "$numberInt", |out| json::quoted(out, |out| json::integer(out, value)));
    }

    fn int64(out: &mut Vec<u8>, value: i64) {
        json::wrap(out, "$numberLong", |out| json::quoted(out, |out| json::integer(out, value)));
    }

    fn double(out: &mut Vec<u8>, value: f64) -> Walked<()> {
        if value.is_finite() {
            json::wrap(out, "$numberDouble", |out| json::quoted(out, |out| json::double(out, value)));
            Ok(())
        } else {
            Relaxed::double(out, value)
        }
    }

    fn date(out: &mut Vec<u8>, ms: i64) {
        json::wrap(out, "$date", |out| Self::int64(out, ms));
    }
}

pub struct Plain;

impl Dialect for Plain {
    const CODE: &str = "{\"code\":";
    const SCOPE: &str = ",\"scope\":";
    const UNDEFINED: &str = "null";
    const MIN_KEY: &str = "\"MinKey\"";
    const MAX_KEY: &str = "\"MaxKey\"";

    fn double(out: &mut Vec<u8>, value: f64) -> Walked<()> {
        if value.is_finite() {
            json::double(out, value);
        } else {
            json::text(out, json::unbounded(value));
        }
        Ok(())
    }

    fn date(out: &mut Vec<u8>, ms: i64) {
        if json::is_iso(ms) || (FIRST_MS..0).contains(&ms) {
            json::quoted(out, |out| json::iso(out, ms));
        } else {
            json::integer(out, ms);
        }
    }

    fn object_id(out: &mut Vec<u8>, id: [u8; 12]) {
        json::quoted(out, |out| json::hex(out, &id));
    }

    fn binary(out: &mut Vec<u8>, _: u8, bytes: &[u8]) {
        json::quoted(out, |out| json::base64(out, bytes));
    }

    fn regex(out: &mut Vec<u8>, pattern: &str, options: &str) -> Walked<()> {
        let options = sorted(options)?;
        json::quoted(out, |out| {
            out.push(b'/');
            json::escaped(out, pattern);
            out.push(b'/');
            json::escaped(out, &options);
        });
        Ok(())
    }

    fn timestamp(out: &mut Vec<u8>, value: Timestamp) {
        json::time(out, value);
    }

    fn decimal(out: &mut Vec<u8>, value: Decimal128) -> Walked<()> {
        json::text(out, &value.to_string());
        Ok(())
    }

    fn code(out: &mut Vec<u8>, code: &str) {
        json::text(out, code);
    }

    fn symbol(out: &mut Vec<u8>, symbol: &str) {
        json::text(out, symbol);
    }
}

/// Kafka's keys: what MongoDB takes for one `_id` has one spelling.
pub struct Key;

impl Dialect for Key {
    const REPEATS: bool = true;

    fn name(out: &mut Vec<u8>, name: &str) {
        json::quoted(out, |out| {
            if name.starts_with('$') {
                out.push(b'$');
            }
            json::escaped(out, name);
        });
    }

    fn double(out: &mut Vec<u8>, value: f64) -> Walked<()> {
        if !value.is_finite() {
            Relaxed::double(out, value)
        } else if (-INT64_END..INT64_END).contains(&value) && value.fract() == 0.0 {
            json::integer(out, value as i64);
            Ok(())
        } else {
            Err(Odd)
        }
    }

    fn regex(out: &mut Vec<u8>, pattern: &str, options: &str) -> Walked<()> {
        json::regex(out, pattern, options);
        Ok(())
    }

    fn decimal(_: &mut Vec<u8>, _: Decimal128) -> Walked<()> {
        Err(Odd)
    }

    fn symbol(out: &mut Vec<u8>, symbol: &str) {
        json::text(out, symbol);
    }
}

fn sorted(options: &str) -> Walked<String> {
    let mut options = options.as_bytes().to_vec();
    options.sort_unstable();
    String::from_utf8(options).map_err(|_| Odd)
}
