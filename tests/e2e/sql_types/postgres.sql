CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN amount AS INTEGER CHECK (value > 0);
CREATE TABLE types (id BIGINT PRIMARY KEY, at INT NOT NULL, flag BOOLEAN, price NUMERIC(10,2), exact NUMERIC, f
REAL, d DOUBLE PRECISION, bin BYTEA, bit1 BIT(1), bit4 BIT(4), doc JSON, docb JSONB, twice JSON, e mood, ts
TIMESTAMP, ts3 TIMESTAMPTZ(3), ts6 TIMESTAMPTZ, day DATE, t TIME, tz TIMETZ, gap INTERVAL, a INT[], aa TEXT[][],
ats TIMESTAMPTZ(3)[], ae mood[], txt TEXT, ch CHAR(3), u UUID, ip INET, r INT4RANGE, dom amount);
INSERT INTO types VALUES (9223372036854775807, 1, true, 1.50, 12345678901234567890123456789012345678.25, 0.1,
'NaN', '\x0001ff', B'1', B'0101', '{"a": [1, 1.5, 12345678901234567890, 0.1], "b": null}', '{"k": "Zürich"}',
'{"k": 1, "k": 2}', 'ok', '2026-01-31 12:00:00.123456', '2026-01-31 12:00:00.123456+02', 
'2026-01-31 12:00:00.123456+02', '2026-01-31', '12:00:00.5', '12:00:00+02', '1 year 2 months 3 days 04:05:06', '{1,NULL}',
'{{a,b},{c,NULL}}', '{2026-01-31 12:00:00+02}', '{sad,ok}', 'Zürich 🎉', 'a',
'6f1a2b3c-0000-4000-8000-000000000001', '10.0.0.1/8', '[1,5)', 7);
INSERT INTO types (id, at, price, d, ts, ts3) VALUES (2, 2, 'NaN', '-Infinity', 'infinity', '0044-03-15 BC');
CREATE TABLE pairs (a INT, b VARCHAR(10), at INT NOT NULL, PRIMARY KEY (b, a));
INSERT INTO pairs VALUES (1, 'z', 1), (2, 'y', 1);
