"""Documents into the tables of a real MariaDB and a real PostgreSQL."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import bson
import pytest
from bson import Binary, Code, Decimal128, Int64, ObjectId
from pydantic import SecretStr

from cdc.config.sql import SqlSettings
from cdc.encode.keys import key_of
from cdc.errors import ConfigInvalid, SinkUnreachable, Unencodable
from cdc.events import Namespace, Operation, Position, Records
from cdc.ledger import Ledger, Slot
from cdc.migrate.tally import Tally
from cdc.migrate.verification import Verification
from cdc.models.table import Column, Table, Text
from cdc.sink.sql.fit import fit
from cdc.sink.sql.rows import Rows
from cdc.sink.sql.sink import SqlSink
from cdc.sql.schema import ddl
from cdc.sql.transaction import Transaction
from tests.support.everything import PLAIN, TABLE, Document, document, expected, rows
from tests.support.sql import Run, administrator, told
from tests.support.waiting import until

pytestmark = pytest.mark.servers

SECRET = "q7hunter22Zk"  # noqa: S105 - what a reason must not tell


class Target:
    """A sink, and what it takes to put documents through it."""

    def __init__(self, url: str, *, letters: str | None = None) -> None:
        self.transaction = Transaction(SqlSettings(url=SecretStr(url), batch_size=50), "p")
        self._slots: list[Slot] = []
        self.sink = SqlSink(
            self.transaction, TABLE, name="p", identity=key_of, letters=letters, create=True, refusal=None
        )
        self.sink.open()

    def put(self, documents: Sequence[Document | ObjectId | str]) -> None:
        """Images in this order, committed; of what is not a document, its delete."""
        slot = self.send(documents)
        self.sink.flush(30)
        self.sink.poll(0)
        assert slot.settled
        self.transaction.commit()

    def send(self, documents: Sequence[Document | ObjectId | str]) -> Slot:
        records = Records()
        for each in documents:
            whole = each if isinstance(each, dict) else None
            identity = each["_id"] if isinstance(each, dict) else each
            records.namespaces.append(Namespace("db", "info"))
            records.operations.append(Operation.DELETE if whole is None else Operation.INSERT)
            records.keys.append(bson.encode({"_id": identity}))
            records.values.append(b"" if whole is None else bson.encode(whole, codec_options=PLAIN))
            records.times_ms.append(0)
            records.tokens.append("")
        ledger = Ledger(lambda _: None)
        slot = ledger.open(Position(), 0, Counter())
        sent = 0
        while (sent := self.sink.produce(records, sent, slot)) < len(records):
            self.sink.poll(10)
        slot.seal()
        self.sink.hurry()
        return slot


@pytest.fixture
def target(url: str) -> Iterator[Callable[..., Target]]:
    made: list[Target] = []

    def make(**options: Any) -> Target:  # noqa: ANN401 - the target's
        made.append(Target(url, **options))
        return made[-1]

    yield make
    for each in made:
        each.sink.close()


def test_every_type_comes_back_as_it_was_and_the_last_image_stays(target: Callable[..., Target], url: str) -> None:
    chance = random.Random(4)
    keys = [ObjectId() if n % 2 else f"k{n}" for n in range(150)]
    images: list[Document | ObjectId | str] = []
    last: dict[Any, Document] = {}
    for version in range(1200):
        key = chance.choice(keys)
        if chance.random() < 0.2:
            images.append(key)
            last.pop(key, None)
        else:
            last[key] = document(key, version, chance)
            images.append(last[key])
    made = target()
    for start in range(0, len(images), 400):
        made.put(images[start : start + 400])
    assert rows(url) == {str(key): expected(found) for key, found in last.items()}


def test_what_was_written_is_equal_to_the_documents_and_what_was_damaged_is_not(
    target: Callable[..., Target], run: Run
) -> None:
    awkward = ("text", "1", "null", '{"a":1}', 1e16, -0.0, 0.1, 5e-324, 1.7e308, Int64(2**63 - 1), {"b": 2.0, "a": []})
    documents: list[Document] = [document(f"k{n}", n, random.Random(n)) for n in range(50)]
    documents += [{"_id": f"j{n}", "anything": value} for n, value in enumerate(awkward)]
    documents += [{"_id": f"n{n}", "price": Decimal128(text)} for n, text in enumerate(("1E+15", "-0", "-0.0000"))]
    made = target()
    made.put(documents)
    mapped = Rows(TABLE, dialect=made.transaction.address.dialect)

    def damaged() -> list[str]:
        with closing(Verification(TABLE, mapped, Tally([name for name, _, _ in TABLE.tables]))) as verification:
            for each in documents:
                verification.write(mapped.row(bson.encode(each, codec_options=PLAIN)))
            verification.find(made.transaction.connection, [])
            return [line for line in verification.lines() if line.startswith("everything")]

    assert damaged() == []
    run("UPDATE everything SET anything = '1' WHERE id = 'j1'")
    run("UPDATE everything SET price = 1000000000000000.0001 WHERE id = 'n0'")
    assert damaged() == ['everything "j1" different: anything', 'everything "n0" different: price']


BAD: list[tuple[str, Document]] = [
    ("word: has 201 characters, the column takes 200", {"word": "x" * 201}),
    ("word: is an integer, not a text", {"word": 7}),
    ("word: is code, not a text", {"word": Code("f()")}),
    ("small: is beyond 32 bits", {"small": Int64(2**31)}),
    ("small: is a double, not an integer", {"small": 1.5}),
    ("big: is true or false, not an integer", {"big": True}),
    ("ratio: is not finite", {"ratio": float("nan")}),
    ("ratio: is an integer that no double holds exactly", {"ratio": Int64(2**53 + 1)}),
    ("price: is not finite", {"price": Decimal128("NaN")}),
    ("price: needs more digits than the column's 20, 4 of them behind the point", {"price": Decimal128("0.00001")}),
    ("flag: is an integer, not true or false", {"flag": 1}),
    ("moment: is a text, not a date", {"moment": "2026-02-30"}),
    ("day: is not at midnight, UTC", {"day": datetime(2026, 1, 1, 1, tzinfo=UTC)}),
    ("digest: has 17 bytes, the column takes 16", {"digest": Binary(b"x" * 17)}),
    ("uid: is binary, not a UUID", {"uid": Binary(b"x" * 16)}),
    ("ref.owner: goes through what is no document", {"ref": [ObjectId()]}),
    ("lines: is no array", {"lines": {"sku": "a"}}),
    ("lines.1: sku: is an integer, not a text", {"lines": [{"sku": "a"}, {"sku": 1}]}),
    ("lines.0: is no document", {"lines": ["a"]}),
    ("meta.tags.0: is missing, or null", {"meta": {"tags": [None]}}),
    ("_id: is a text that looks like an ObjectId, and would be taken for it", {"_id": "6b05a842efa0e757af07cb07"}),
    ("_id: is an integer, not a text", {"_id": 1}),
    ("_id: has 65 characters, the column takes 64", {"_id": "x" * 65}),
]


def test_what_no_row_can_hold_is_put_aside_with_its_column_and_the_rest_is_written(
    target: Callable[..., Target], url: str, run: Run
) -> None:
    far = bson.decode(bson.encode({"d": datetime(9999, 12, 31, tzinfo=UTC)}))["d"]
    bad = [(reason, {"_id": f"bad{n}", "prose": SECRET, **fields}) for n, (reason, fields) in enumerate(BAD)]
    beyond = {"_id": "beyond", "moment": bson.datetime_ms.DatetimeMS(int(far.timestamp() * 1000) + 10**9)}
    first = 1000 if url.startswith(("mysql", "mariadb")) else 1
    bad.append((f"moment: is beyond the years {first} to 9999", beyond))
    if first == 1000:
        bad.append(("_id: ends with a space, by which MySQL tells no keys apart", {"_id": "k0 "}))
    else:
        nul = "holds U+0000, which PostgreSQL does not take"
        bad += [
            (f"word: {nul}", {"_id": "nul", "word": "a\0b"}),
            (f"anything: {nul}", {"_id": "n", "anything": ["\0"]}),
        ]
    good = [document(f"k{n}", n, random.Random(n)) for n in range(len(bad))]
    target(letters="letters").put([each for pair in zip(good, (it for _, it in bad), strict=True) for each in pair])

    assert rows(url) == {found["_id"]: expected(found) for found in good}
    put_aside = told(run, "SELECT reason, document_key, pipeline, op, db, coll FROM letters")
    assert Counter(row[0] for row in put_aside) == Counter(reason for reason, _ in bad)
    assert {tuple(row[2:]) for row in put_aside} == {("p", "insert", "db", "info")}
    assert {row[1] for row in put_aside} == {key_of(bson.encode({"_id": it["_id"]})).decode() for _, it in bad}
    assert SECRET not in str(put_aside)


def test_what_the_database_refuses_is_found_among_many_and_told_without_its_values(
    target: Callable[..., Target], url: str, run: Run
) -> None:
    made = target(letters="letters")
    run("CREATE UNIQUE INDEX one_word ON everything (word)")
    run("ALTER TABLE everything ADD CONSTRAINT low CHECK (small < 100)")
    many: list[Document | ObjectId | str] = [{"_id": f"k{n}", "word": f"w{n}", "small": n % 100} for n in range(200)]
    many[20:20] = [{"_id": "taken", "word": "w7", "prose": SECRET}]
    many[90:90] = [{"_id": "high", "word": SECRET, "small": 100}]
    made.put(many)
    # the word goes from one document to another and back, all in one batch
    made.put([{"_id": "k1", "word": "free"}, {"_id": "k2", "word": "w1"}, {"_id": "k1", "word": "w2"}])
    made.put([{"_id": "k3", "word": "w4"}, "k4"])
    made.put([{"_id": "k3", "word": "w5"}])

    found = {identity: row["word"] for identity, row in rows(url).items()}
    assert found == {f"k{n}": f"w{n}" for n in range(200) if n != 4} | {"k1": "w2", "k2": "w1", "k3": "w4"}
    unique = "another row has the same value in a unique index"
    reasons = sorted(told(run, "SELECT document_key, reason FROM letters"))
    assert [row[0] for row in reasons] == ['{"_id":"high"}', '{"_id":"k3"}', '{"_id":"taken"}']
    assert "low: a constraint refuses it" in reasons[0][1]
    assert all(unique in row[1] for row in reasons[1:])
    assert SECRET not in str(reasons)


def test_without_a_table_for_letters_it_stops_at_the_first_and_names_key_and_column(
    target: Callable[..., Target], run: Run
) -> None:
    made = target()
    run("CREATE UNIQUE INDEX one_word ON everything (word)")
    with pytest.raises(Unencodable, match=r"db\.info: insert in the load of \{\"_id\":\"a\"\}: word: has 300 char"):
        made.put([{"_id": "a", "word": SECRET * 25}])
    with pytest.raises(Unencodable, match=r"of \{\"_id\":\"c\"\}: .*another row has the same value in a unique index"):
        made.put([{"_id": "b", "word": "x"}, {"_id": "c", "word": "x"}])
    assert run("SELECT COUNT(*) FROM everything").scalar_one() == 0


WAITING = {
    "mysql": "SELECT CAST(variable_value AS INT) FROM information_schema.global_status "
    "WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS'",
    "postgresql": "SELECT COUNT(*) FROM pg_locks WHERE NOT granted",
}


def test_the_loser_of_a_deadlock_may_try_again(target: Callable[..., Target], url: str, run: Run) -> None:
    if url.startswith("postgres"):  # it ends whoever looks first, after this time
        run(f"ALTER DATABASE {urlsplit(url).path[1:]} SET deadlock_timeout = '5s'")
        run("SET deadlock_timeout = '60s'")
    made = target()
    made.put([{"_id": f"k{n:02}", "word": "x"} for n in range(50)])
    run("BEGIN")
    run("UPDATE everything SET word = 'y' WHERE id > 'k00'")  # more rows than ours: MariaDB's victim is not this one
    made.send([{"_id": "k00", "word": "z"}, {"_id": "k01", "word": SECRET}])
    until(lambda: run(WAITING[made.transaction.address.dialect]).scalar_one(), what="a row that is waited for")
    run("UPDATE everything SET word = 'y' WHERE id = 'k00'")
    with pytest.raises(SinkUnreachable, match="ended the transaction for another one") as lost:
        made.sink.poll(20)
    assert SECRET not in str(lost.value.__cause__)
    run("COMMIT")
    assert run("SELECT COUNT(*) FROM everything WHERE word = 'y'").scalar_one() == 50


def test_tables_that_another_makes_at_the_same_moment_are_taken_as_they_are(
    postgres: str, sql_database: Callable[[str], str]
) -> None:
    url = sql_database(postgres)
    transaction = Transaction(SqlSettings(url=SecretStr(url)), "p")
    with administrator(url) as run, ThreadPoolExecutor() as beside, closing(transaction):
        run("BEGIN")
        for statement in filter(str.strip, ddl(TABLE, "postgresql").split(";")):
            run(statement)
        fitting = beside.submit(fit, transaction, TABLE, letters="letters", create=True)
        until(lambda: run(WAITING["postgresql"]).scalar_one(), what="one who waits")
        run("COMMIT")
        fitting.result(20)
        assert run("SELECT COUNT(*) FROM letters").scalar_one() == 0


def test_a_table_that_the_database_does_not_make_is_named(url: str) -> None:
    transaction = Transaction(SqlSettings(url=SecretStr(url)), "p")
    wide = Table("wide", TABLE.key, tuple(Column(f"c{n}", Text(250)) for n in range(1700)))
    with closing(transaction), pytest.raises(ConfigInvalid) as refused:
        fit(transaction, wide, letters=None, create=True)
    said = r"--sink: .* at 127\.0\.0\.1:\d+ does not make the table wide \(\w+\)"
    assert re.fullmatch(said, str(refused.value))
    assert refused.value.hint == "mend the table of the data type, or make it by hand"


MISFITS: dict[str, dict[str, str]] = {
    "mysql": {
        "ALTER TABLE everything MODIFY id VARCHAR(64) COLLATE utf8mb4_general_ci NOT NULL": "everything.id has the "
        "collation utf8mb4_general_ci, which takes different keys for one, not utf8mb4_bin",
        "ALTER TABLE everything MODIFY word VARCHAR(100)": "everything.word is too short: 100 characters, not 200",
        "ALTER TABLE everything MODIFY prose TEXT": "everything.prose is too short: 65535 bytes, not 16777215",
        "ALTER TABLE everything MODIFY small SMALLINT": "everything.small is smallint(6), not bigint or int",
        "ALTER TABLE everything MODIFY big BIGINT NOT NULL": "everything.big must take null",
        "ALTER TABLE everything DROP day": "everything.day is missing",
        "ALTER TABLE everything MODIFY ratio DOUBLE(20, 3)": "everything.ratio is too short: 20, 3 digits, not "
        "a double's",
        "ALTER TABLE everything MODIFY price DECIMAL(10, 2)": "everything.price is too short: 10, 2 digits, not 20, 4",
        "ALTER TABLE everything MODIFY moment DATETIME": "everything.moment is too short: 0 digits of a second, not 3",
        "ALTER TABLE everything MODIFY state VARCHAR(10) CHARACTER SET utf8mb3": "everything.state has the character "
        "set utf8mb3, not utf8mb4",
        "ALTER TABLE everything ADD extra INT NOT NULL": "everything.extra takes no null, has no default",
        "ALTER TABLE everything_line DROP PRIMARY KEY": "everything_line has no primary key (everything_id, position)",
        "DROP TABLE everything_tag": "table everything_tag is missing",
    },
    "postgresql": {
        "ALTER TABLE everything ALTER word TYPE VARCHAR(100)": "everything.word is too short: 100 characters, not 200",
        "ALTER TABLE everything ALTER small TYPE SMALLINT": "everything.small is smallint, not bigint or integer",
        "ALTER TABLE everything ALTER big SET NOT NULL": "everything.big must take null",
        "ALTER TABLE everything DROP ratio": "everything.ratio is missing",
        "ALTER TABLE everything ALTER price TYPE NUMERIC(10, 2)": "everything.price is too short: 10, 2 digits",
        "ALTER TABLE everything ALTER moment TYPE TIMESTAMP(3)": "everything.moment is timestamp without time zone",
        "ALTER TABLE everything ALTER anything TYPE TEXT": "everything.anything is text, not json or jsonb",
        "ALTER TABLE everything ADD extra INT NOT NULL": "everything.extra takes no null, has no default",
        "ALTER TABLE everything_line DROP CONSTRAINT everything_line_pkey": "everything_line has no primary key",
        "DROP TABLE everything_tag": "table everything_tag is missing",
    },
}


def test_tables_that_do_not_fit_are_refused_column_by_column(target: Callable[..., Target], run: Run) -> None:
    transaction = target().transaction
    misfits = MISFITS[transaction.address.dialect]
    for change in misfits:
        run(change)
    with pytest.raises(ConfigInvalid) as refused:
        fit(transaction, TABLE, letters=None, create=False)
    said = str(refused.value)
    assert [misfit for misfit in misfits.values() if misfit not in said] == []
    assert said.count(";") == len(misfits) - 1
    assert "cdc schema --ddl" in refused.value.hint
