"""Tables with a column of every type, and what their rows are as documents."""

from typing import Any

_PAIRS = [
    "CREATE TABLE pairs (a INT, b VARCHAR(10), at INT NOT NULL, PRIMARY KEY (b, a))",
    "INSERT INTO pairs VALUES (1, 'z', 1), (2, 'y', 1)",
]
_UUID = {"$binary": {"base64": "bxorPAAAQACAAAAAAAAAAQ==", "subType": "04"}}
_BINARY = {"$binary": {"base64": "AAH/", "subType": "00"}}
_LONG = "12345678901234567890123456789012345678.25"

TABLES = {
    "mariadb": [
        "SET NAMES utf8mb4",
        "CREATE TABLE types (id BIGINT UNSIGNED PRIMARY KEY, at INT NOT NULL, small TINYINT, flag BOOL, odd TINYINT(1), "
        "word INT UNSIGNED, price DECIMAL(10,2), exact DECIMAL(40,2), f FLOAT, d DOUBLE, bin VARBINARY(9), big LONGBLOB, "
        "bit1 BIT(1), bit4 BIT(4), doc JSON, e ENUM('a','b'), s SET('a','b'), ts TIMESTAMP NULL, ts6 TIMESTAMP(6) NULL, "
        "dt DATETIME, dt6 DATETIME(6), day DATE, t TIME, t6 TIME(6), y YEAR, txt TEXT, ch CHAR(3), u UUID"
        ") CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "SET sql_mode = ''",
        "INSERT INTO types VALUES (18446744073709551615, 1, 2, 1, 2, 4294967295, 1.50, " + _LONG + ", 16777216, 1.5e300, "
        "x'0001ff', x'0001ff', b'1', b'0101', '{\"a\": [1, 1.5, 12345678901234567890, 0.1], \"b\": null}', 'b', 'a,b', "
        "'2026-01-31 12:00:00', '2026-01-31 12:00:00.123456', '2026-01-31 12:00:00', '2026-01-31 12:00:00.123456', "
        "'2026-01-31', '-12:30:00', '838:59:58.5', 2026, 'Zürich 🎉', 'a', '6f1a2b3c-0000-4000-8000-000000000001')",
        "INSERT INTO types (id, at, ts, dt, day, s) VALUES (2, 2, '0000-00-00', '0000-00-00', '2026-00-10', '')",
        *_PAIRS,
    ],
    "postgres": [
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE DOMAIN amount AS INTEGER CHECK (value > 0)",
        "CREATE TABLE types (id BIGINT PRIMARY KEY, at INT NOT NULL, flag BOOLEAN, price NUMERIC(10,2), exact NUMERIC, "
        "f REAL, d DOUBLE PRECISION, bin BYTEA, bit1 BIT(1), bit4 BIT(4), doc JSON, docb JSONB, twice JSON, e mood, "
        "ts TIMESTAMP, ts3 TIMESTAMPTZ(3), ts6 TIMESTAMPTZ, day DATE, t TIME, tz TIMETZ, gap INTERVAL, a INT[], "
        "aa TEXT[][], ats TIMESTAMPTZ(3)[], ae mood[], txt TEXT, ch CHAR(3), u UUID, ip INET, r INT4RANGE, dom amount)",
        "INSERT INTO types VALUES (9223372036854775807, 1, true, 1.50, " + _LONG + ", 0.1, 'NaN', '\\x0001ff', B'1', "
        "B'0101', '{\"a\": [1, 1.5, 12345678901234567890, 0.1], \"b\": null}', '{\"k\": \"Zürich\"}', '{\"k\": 1, \"k\": 2}', "
        "'ok', '2026-01-31 12:00:00.123456', '2026-01-31 12:00:00.123456+02', '2026-01-31 12:00:00.123456+02', "
        "'2026-01-31', '12:00:00.5', '12:00:00+02', '1 year 2 months 3 days 04:05:06', '{1,NULL}', '{{a,b},{c,NULL}}', "
        "'{2026-01-31 12:00:00+02}', '{sad,ok}', 'Zürich 🎉', 'a', '6f1a2b3c-0000-4000-8000-000000000001', "
        "'10.0.0.1/8', '[1,5)', 7)",
        "INSERT INTO types (id, at, price, d, ts, ts3) VALUES (2, 2, 'NaN', '-Infinity', 'infinity', '0044-03-15 BC')",
        *_PAIRS,
    ],
}

_DOC = {"a": [1, 1.5, {"$numberDecimal": "12345678901234567890"}, 0.1], "b": None}
_MOST: dict[str, Any] = {"$numberDecimal": "18446744073709551615"}

DOCUMENTS: dict[str, list[dict[str, Any]]] = {
    "mariadb": [
        {
            "_id": _MOST, "id": _MOST, "at": 1, "small": 2, "flag": True, "odd": 2, "word": 4294967295,
            "price": {"$numberDecimal": "1.50"}, "exact": _LONG, "f": 16777216.0, "d": 1.5e300, "bin": _BINARY,
            "big": _BINARY, "bit1": True, "bit4": "0101", "doc": _DOC, "e": "b", "s": ["a", "b"],
            "ts": {"$date": "2026-01-31T12:00:00Z"}, "ts6": "2026-01-31T12:00:00.123456Z",
            "dt": "2026-01-31T12:00:00", "dt6": "2026-01-31T12:00:00.123456", "day": "2026-01-31", "t": "-12:30:00",
            "t6": "838:59:58.500000", "y": 2026, "txt": "Zürich 🎉", "ch": "a", "u": _UUID,
        },
        {
            "_id": 2, "id": 2, "at": 2, "small": None, "flag": None, "odd": None, "word": None, "price": None,
            "exact": None, "f": None, "d": None, "bin": None, "big": None, "bit1": None, "bit4": None, "doc": None,
            "e": None, "s": [], "ts": "0000-00-00 00:00:00", "ts6": None, "dt": "0000-00-00T00:00:00", "dt6": None,
            "day": "2026-00-10", "t": None, "t6": None, "y": None, "txt": None, "ch": None, "u": None,
        },
    ],
    "postgres": [
        {
            "_id": 2**63 - 1, "id": 2**63 - 1, "at": 1, "flag": True, "price": {"$numberDecimal": "1.50"},
            "exact": _LONG, "f": 0.1, "d": {"$numberDouble": "NaN"}, "bin": _BINARY, "bit1": True, "bit4": "0101",
            "doc": _DOC, "docb": {"k": "Zürich"}, "twice": '{"k": 1, "k": 2}', "e": "ok",
            "ts": "2026-01-31T12:00:00.123456", "ts3": {"$date": "2026-01-31T10:00:00.123Z"},
            "ts6": "2026-01-31T10:00:00.123456Z", "day": "2026-01-31", "t": "12:00:00.5", "tz": "12:00:00+02",
            "gap": "P1Y2M3DT4H5M6S", "a": [1, None], "aa": [["a", "b"], ["c", None]],
            "ats": [{"$date": "2026-01-31T10:00:00Z"}], "ae": ["sad", "ok"], "txt": "Zürich 🎉", "ch": "a  ",
            "u": _UUID, "ip": "10.0.0.1/8", "r": "[1,5)", "dom": 7,
        },
        {
            "_id": 2, "id": 2, "at": 2, "flag": None, "price": {"$numberDecimal": "NaN"}, "exact": None, "f": None,
            "d": {"$numberDouble": "-Infinity"}, "bin": None, "bit1": None, "bit4": None, "doc": None, "docb": None,
            "twice": None, "e": None, "ts": "infinity", "ts3": "0044-03-15 00:00:00+00 BC", "ts6": None, "day": None,
            "t": None, "tz": None, "gap": None, "a": None, "aa": None, "ats": None, "ae": None, "txt": None,
            "ch": None, "u": None, "ip": None, "r": None, "dom": None,
        },
    ],
}  # fmt: skip
