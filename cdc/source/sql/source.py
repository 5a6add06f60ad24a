"""The tables of a SQL database as a source: loads of what exists, and polls for what an increment says is new."""

import math
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace

import structlog
from bson.timestamp import Timestamp
from sqlalchemy.exc import DBAPIError

from cdc.config import SqlSettings
from cdc.errors import ConfigInvalid, SourceUnreachable
from cdc.events import DONE, FIRST_LOAD, Batch, Chunk, Load, Namespace, Position, Request
from cdc.source.pace import Pace
from cdc.source.polling import Polls
from cdc.source.sql import places
from cdc.source.sql.places import Place
from cdc.source.sql.streams import Rows, Server
from cdc.source.sql.table import Table
from cdc.source.sql.window import Window
from cdc.source.wishes import Wishes
from cdc.sql.errors import SOURCE, code, translated

log = structlog.get_logger("cdc")

ROUND_SECONDS = 60.0
"""How long a load reads by one statement, for which the database keeps old rows; as long as it takes where it sorts."""

DESCRIBE_SECONDS = 10.0
"""How often a table is looked at for new columns."""

ALTERED = frozenset({1054, 1176, "42703"})
"""Codes for a column or an index that is no more."""


class SqlSource:
    """Implements `pipeline.Source`.

    A load takes at most `max_rate` rows a second. `requests` gives the loads that are asked for and have not ended;
    `notify` takes what users should know of this source, in words.
    """

    def __init__(  # noqa: PLR0913 - keywords, one for each thing it follows
        self,
        settings: SqlSettings,
        tables: Sequence[str],
        polls: Polls,
        *,
        name: str,
        max_rate: float | None,
        requests: Callable[[], Sequence[Request]],
        notify: Callable[[str], None],
    ) -> None:
        self._server = Server(settings, name)
        self._address = settings.address
        self._names = tuple(tables)
        self._polls = polls
        self._pace = Pace(max_rate, ROUND_SECONDS)
        self._wishes = Wishes(requests)
        self._notify = notify
        self._tables: dict[str, Table] = {}
        self._windows = {name: Window(polls.field, polls.lag, len(self._names)) for name in self._names}
        self._states: Sequence[tuple[object, ...]] = ()
        self._marks = b""
        self._described = -math.inf
        self._epoch = 0.0
        self._pause = threading.Event()

    def read(self, start: Position) -> Iterator[Batch]:
        """See `pipeline.Source`."""
        try:
            with translated(self._address, SOURCE):
                yield from self._batches(start)
        except ConfigInvalid as error:
            if isinstance(error.__cause__, DBAPIError) and code(error.__cause__) in ALTERED:
                raise SourceUnreachable(
                    f"{self._address}: a table was altered while it was read", hint="it is read as it is now"
                ) from error
            raise

    def close(self) -> None:
        self._pause.set()
        self._server.close()

    def _batches(self, start: Position) -> Iterator[Batch]:
        load = start.load
        self._take(start)
        self._notify(self._blind)
        yield Batch(b"", self._position(load, self._server.clock()))
        while not self._pause.is_set():
            load = self._wishes.wanted(load)
            loading = load is not None and load.ended is None
            if load is not None and loading:
                load = yield from self._round(load)
            if not loading or (load is not None and load.id != FIRST_LOAD):
                yield from self._poll(load)
            if not loading:
                self._pause.wait(self._polls.interval)

    @property
    def _blind(self) -> str:
        """What polling cannot see."""
        return (
            f"tables are polled by {self._polls.field!r}: not seen are deletes, updates that leave the column as it "
            "was, rows in which it is NULL, and all but the last of several changes between two polls"
        )

    def _now(self) -> float:
        """The server's time; a clock that is set meanwhile does not change its pace."""
        return self._epoch + time.monotonic()

    def _take(self, start: Position) -> None:
        """Go on from the position's marks; where it has none, from what is there now."""
        self._epoch = self._server.clock().time - time.monotonic()
        self._describe()
        for table in self._tables.values():
            if table.index is None:
                log.warning(
                    "no index begins with the increment column: every poll reads the whole table",
                    table=table.name,
                    column=self._polls.field,
                    hint="make one on it and the primary key",
                )
        if start.marks is not None:
            self._restore(places.decoded(start.marks))
            return
        if start.time is not None:
            raise ConfigInvalid(
                "the cursor is a time, which tells no place in a table", hint="forget it with `cdc cursor reset`"
            )
        for table in self._tables.values():
            self._server.require_increments(table)
            if not start.loading:
                self._pass_by(table)

    def _describe(self) -> None:
        """The tables as they are now."""
        if time.monotonic() - self._described <= DESCRIBE_SECONDS:
            return
        self._described = time.monotonic()
        self._tables = {name: self._server.table(name, self._polls.field) for name in self._names}

    def _restore(self, saved: dict[str, dict[str, object]]) -> None:
        for name, window in self._windows.items():
            marks = saved[name]
            if marks["column"] != self._polls.field:
                raise ConfigInvalid(
                    f"--increment-field: the cursor tells places in {name} by {marks['column']!r}",
                    hint="write that one, or forget the cursor with `cdc cursor reset`",
                )
            window.restore(marks)

    def _pass_by(self, table: Table) -> None:
        """What is there now is not sent, but known, so that what is committed late can be told from it."""
        window = self._windows[table.name]
        window.begin(self._now(), first=True)
        if (floor := self._server.before_last(table, window.at_first)) is not None:
            window.pass_by(floor)
        with self._server.rows(table, above=floor) as rows:
            for each in rows:
                self._known(table, each)
        self._end(table)

    def _end(self, table: Table) -> None:
        """All rows that there were are read."""
        window = self._windows[table.name]
        window.end(self._now())
        if window.crowded:
            log.warning(
                "more rows have the last value of the increment column than are remembered: "
                "those that are given it later are not seen",
                table=table.name,
                column=self._polls.field,
                hint="name a column of finer steps",
            )

    def _known(self, table: Table, rows: Rows) -> list[bytes]:
        """Those of the rows that are new, of all that were read."""
        window = self._windows[table.name]
        return [
            document
            for place, document in zip(map(table.place, rows.rows), rows.documents, strict=True)
            if window.is_new(place, document)
        ]

    def _round(self, load: Load) -> Generator[Batch, None, Load]:
        """What the load reads in a while; gives the load as it is then."""
        self._describe()
        load = self._begun(load)
        now = self._server.clock()
        if load.where is not None or not load.chunks:
            load = load.end(DONE if load.where is None else "--where: the rows of a table are read without a filter")
            yield Batch(b"", self._position(load, now))
            return load
        chunk, *others = load.chunks
        table = self._tables[chunk.collection]
        over = time.monotonic() + (ROUND_SECONDS if table.index else math.inf)
        behind = None if chunk.after is None else Place.decoded(chunk.after)
        if load.id == FIRST_LOAD:
            self._windows[table.name].begin(self._now(), resumed=behind is not None, first=True)
        with self._server.rows(table, behind=behind) as rows:
            for each in rows:
                if load.id == FIRST_LOAD:
                    self._known(table, each)
                chunk = replace(chunk, after=table.place(each.rows[-1]).encoded())
                load = replace(load, documents=load.documents + len(each.rows), chunks=(chunk, *others))
                yield Batch(each.raw, self._position(load, now), Namespace(self._address.database, table.name))
                self._rest(len(each.rows))
                if time.monotonic() > over or self._pause.is_set():
                    return load
        if load.id == FIRST_LOAD:
            self._end(table)
        load = replace(load, chunks=tuple(others), chunks_done=load.chunks_done + 1)
        load = load if others else load.end(DONE)
        yield Batch(b"", self._position(load, now))
        return load

    def _rest(self, rows: int) -> None:
        self._pace.spent(rows)
        self._pause.wait(self._pace.wait)

    def _begun(self, load: Load) -> Load:
        """The load with a chunk for each table; of a first one, with what is known of its rows."""
        if not load.chunks and load.collections != ():
            names = self._names if load.collections is None else load.collections
            estimated = sum(self._server.estimated(self._tables[name]) for name in names)
            chunks = tuple(Chunk(name, self._polls.field) for name in names)
            load = replace(load, collections=(), chunks=chunks, estimated=estimated)
        return load

    def _poll(self, load: Load | None) -> Iterator[Batch]:
        self._describe()
        now = self._server.clock()
        for name, table in self._tables.items():
            window = self._windows[name]
            window.begin(self._now(), resumed=window.at is not None)
            above, behind = window.bounds
            with self._server.rows(table, above=above, behind=behind) as rows:
                for each in rows:
                    new = self._known(table, each)
                    window.read_to(table.place(each.rows[-1]))
                    if new:
                        yield Batch(b"".join(new), self._position(load, now), Namespace(self._address.database, name))
            self._end(table)
        yield Batch(b"", self._position(load, now), server_time=now)

    def _position(self, load: Load | None, now: Timestamp) -> Position:
        states = [window.state for window in self._windows.values()]
        if states != self._states:
            self._states = states
            self._marks = places.encoded({name: window.saved() for name, window in self._windows.items()})
        return Position(time=now, load=load, marks=self._marks)
