"""A MongoDB collection or database as a source: loads of what exists, and the stream of its changes."""

import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import pymongo
import structlog
from pymongo.errors import OperationFailure, PyMongoError

from cdc.config import MongoSettings
from cdc.errors import CdcError, ConfigInvalid, HistoryLost
from cdc.events import FIRST_LOAD, Batch, Load, Namespace, Position, Request, snapshot_time
from cdc.reader import Reader
from cdc.source import oplog
from cdc.source.change_stream import ChangeStream, Images, Scope
from cdc.source.collections import require_plain
from cdc.source.cursors import Database, ReplyTap, well_formed
from cdc.source.images import Lookup
from cdc.source.mongo import UNPARSED, Server, connect, hosts, translate, translated
from cdc.source.polling import Poller, Polls
from cdc.source.snapshot import Loader, Loads
from cdc.source.wishes import ASK_SECONDS, Wishes

log = structlog.get_logger("cdc")

CLOSE_SECONDS = 1.0
"""How long a server is waited for that is to forget our sessions; it does so by itself."""


class MongoSource:
    """Implements `pipeline.Source`.

    `polls` is how a server without change streams is asked, None where it cannot be. `requests` gives the loads that
    are asked for and have not ended; `notify` takes what users should know of this source, in words.
    """

    def __init__(  # noqa: PLR0913 - keywords, one for each thing it follows
        self,
        settings: MongoSettings,
        scope: Scope,
        images: Images,
        *,
        name: str,
        loads: Loads,
        polls: Polls | None,
        requests: Callable[[], Sequence[Request]],
        notify: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._scope = scope
        self._images = images
        self._name = name
        self._loads = loads
        self._polls = polls
        self._wishes = Wishes(requests)
        self._notify = notify
        self._tap = ReplyTap()
        self._client = connect(settings, app=name, listeners=[self._tap])
        self._database = Database(self._client, self._tap, scope.database)
        self._pause = threading.Event()
        self._closed = False

    def read(self, start: Position) -> Iterator[Batch]:
        """See `pipeline.Source`.

        The first heartbeat keeps the position that was taken, so that a load that is killed goes on after it.
        """
        server = Server.of(self._client, self._settings)
        self._check(server)
        after, before = self._images.looked_up(exactly=server.snapshot_reads and self._scope.match is None)
        if not server.replicated:
            yield from self._translating(self._poll(start))
            return
        batches = self._translating(self._follow(start, server, self._images.options(after=after)))
        if after or before:
            lookup = Lookup(self._database, self._name, self._settings.batch_size, after=after, before=before)
            batches = self._translating(self._completed(batches, lookup))
        yield from batches

    def _completed(self, batches: Iterator[Batch], lookup: Lookup) -> Iterator[Batch]:
        """With the images of changes, which are read while the next reply is on its way."""
        ahead = Reader(batches, max_bytes=1)
        ahead.start()
        try:
            while not self._closed:
                if (batch := ahead.get(ASK_SECONDS)) is not None:
                    yield from lookup.batches(batch) if batch.namespace is None else (batch,)
        finally:
            ahead.stop()

    def _translating(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """With errors in our words; the position lost is that of the stream this thread follows."""
        try:
            yield from batches
        except PyMongoError as error:
            if self._closed:
                return
            if (ours := self._translated(error)) is None:
                raise
            raise self._lost(ours, self._tap.position) if isinstance(ours, HistoryLost) else ours from error

    def close(self) -> None:
        self._closed = True
        self._pause.set()
        with pymongo.timeout(CLOSE_SECONDS):
            self._client.close()

    def _check(self, server: Server) -> None:
        if self._images.stored and not server.expanded_events:
            raise ConfigInvalid(
                "--full-document, --before: this MongoDB stores no images; 6.0 and newer can",
                hint="--full-document lookup or off, --before off",
            )
        if self._images.before == "lookup" and server.replicated and not server.snapshot_reads:
            raise ConfigInvalid(
                "--before: this MongoDB cannot read at a time that is past; 5.0 and newer can",
                hint="--before off, or stored images with 6.0 and newer",
            )
        with translated(self._settings), well_formed():
            require_plain(self._database, self._scope.collections)

    def _follow(self, start: Position, server: Server, images: Mapping[str, Any]) -> Iterator[Batch]:
        """The stream, and rounds of a load between its replies wherever one is due."""
        options = {**images, "showExpandedEvents": True} if server.expanded_events else images
        stream = ChangeStream(self._database, self._scope, options, self._settings, streams=server.streams)
        taken = self._open(stream, start)
        load = start.load
        yield Batch(
            b"",
            replace(taken, time=taken.time or self._tap.server_time, load=load),
            server_time=self._tap.server_time,
        )
        loader = self._loader("snapshot" if server.snapshot_reads else "majority")
        try:
            while True:
                load = self._wishes.wanted(load)
                if load is None or load.ended is not None:
                    loader.close()
                    yield _with(stream.next(), load)
                    continue
                if loader.wait:
                    self._pause.wait(min(loader.wait, ASK_SECONDS))
                position = yield from self._caught_up(stream, load)
                if not loader.wait:
                    load = yield from self._round(loader, position, load)
        finally:
            loader.close()
            with pymongo.timeout(CLOSE_SECONDS):
                stream.close()

    def _caught_up(self, stream: ChangeStream, load: Load) -> Generator[Batch, None, Position]:
        """The changes up to the last operation that there was when it began; gives the position there."""
        goal = None
        while True:
            batch = stream.next(eager=True)
            yield _with(batch, load)
            goal = goal or batch.server_time
            now = batch.position.time
            if not batch.raw or (goal is not None and now is not None and now >= goal):
                return batch.position

    def _round(self, loader: Loader, position: Position, load: Load) -> Generator[Batch, None, Load]:
        """What a round of the load reads at the stream's position; gives the load as it is then."""
        at = snapshot_time(position.token or {}) or position.time or self._tap.clock
        if at is None:
            raise ConfigInvalid("MongoDB has no cluster time", hint="use MongoDB 4.0.7 or newer")
        for raw, collection, so_far in loader.round(load, at):
            load = so_far
            yield Batch(raw, replace(position, time=at, load=load), Namespace(self._scope.database, collection))
        return load

    def _refused(self, error: PyMongoError | ConfigInvalid, load: Load) -> Load:
        """A load that was asked for ends where the server refuses it, and the changes go on; the first cannot."""
        ours: CdcError | None = error if isinstance(error, ConfigInvalid) else self._translated(error, load)
        if isinstance(ours, ConfigInvalid) and load.id != FIRST_LOAD:
            return load.end(str(ours))
        if ours is None or ours is error:
            raise error
        raise ours from error

    def _poll(self, start: Position) -> Iterator[Batch]:
        if self._polls is None:
            raise ConfigInvalid(
                f"MongoDB at {hosts(self._settings)} is a standalone server, which has no change streams",
                hint="poll it with --increment-field FIELD, or make it a replica set of one: start mongod with "
                "--replSet rs0, then run rs.initiate() in mongosh",
            )
        if self._scope.match is not None:
            raise ConfigInvalid(
                "--match: a standalone server is polled, and has no change events to filter",
                hint="filter its documents with --where",
            )
        poller = Poller(self._database, self._scope, self._polls, self._settings.batch_size)
        self._notify(poller.blind)
        yield from poller.read(start, self._loader("local"), self._wishes.wanted, self._pause)

    def _loader(self, level: Literal["snapshot", "majority", "local"]) -> Loader:
        size = self._settings.batch_size
        return Loader(self._database, self._scope, self._loads, batch_size=size, level=level, refused=self._refused)

    @property
    def _stream_filter(self) -> str | None:
        """The option with the filter on changes, where there is one."""
        return None if self._scope.match is None else "--match"

    def _translated(self, error: PyMongoError, load: Load | None = None) -> CdcError | None:
        filtered = load is not None and load.where is not None
        return translate(error, self._settings, filtered_by="--where" if filtered else self._stream_filter)

    def _open(self, stream: ChangeStream, position: Position) -> Position:
        try:
            with translated(self._settings, filtered_by=self._stream_filter):
                return stream.open(position, eager=position.loading)
        except HistoryLost as lost:
            raise self._lost(lost, position) from lost
        except OperationFailure as error:
            if position.token is None or error.code not in UNPARSED:
                raise
            where, hint = f"MongoDB at {hosts(self._settings)}", "see --on-history-lost"
            raise self._lost(HistoryLost(f"{where} cannot read the saved position", hint=hint), position) from error

    def _lost(self, error: HistoryLost, position: Position) -> HistoryLost:
        """The same, with what is lost: seen when the stream is opened, or only with its first reply."""
        later = "; or name a later --from" if position.token is None else ""
        return HistoryLost(
            f"{error}: changes from {position.clock or 'an unknown time'} on are lost, up to {self._until(position)}",
            hint="--on-history-lost resnapshot loads everything again, --on-history-lost skip-to-now goes on from now"
            f"{later}",
        )

    def _until(self, position: Position) -> str:
        """The oldest time the server still knows, if the user may read the oplog; now, where that is not the reason."""
        try:
            first = oplog.entry(self._client, oplog.FIRST)
        except PyMongoError:
            first = None
        if first is None:
            return "the oldest the server still has"
        return "now" if position.time and first <= position.time else str(first.as_datetime())


def _with(batch: Batch, load: Load | None) -> Batch:
    """The batch as of a stream that has got so far with its load."""
    return replace(batch, position=replace(batch.position, load=load))
