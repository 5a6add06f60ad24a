"""A MongoDB collection or database as a source: the load of what exists where it is due, then the stream."""

from collections.abc import Iterator
from dataclasses import replace

from pymongo.errors import PyMongoError

from cdc.config import MongoSettings
from cdc.errors import ConfigInvalid, HistoryLost
from cdc.events import Batch, Position
from cdc.source.change_stream import ChangeStream, Images, ReplyTap, Scope
from cdc.source.mongo import Server, connect, translate, translated
from cdc.source.snapshot import load, require_plain


class MongoSource:
    """Implements `pipeline.Source`."""

    def __init__(self, settings: MongoSettings, scope: Scope, images: Images, *, name: str) -> None:
        self._settings = settings
        self._scope = scope
        self._images = images
        self._tap = ReplyTap()
        self._client = connect(settings, app=name, listeners=[self._tap])
        self._stream: ChangeStream | None = None
        self._closed = False

    def read(self, start: Position) -> Iterator[Batch]:
        """See `pipeline.Source`.

        A load stands between two heartbeats: the first keeps the position it began at, so that a load that is killed
        begins again there; the second says that it is done.
        """
        server = self._check()
        options = {**self._images.options(), **({"showExpandedEvents": True} if server.expanded_events else {})}
        self._stream = ChangeStream(self._client, self._tap, self._scope, options, self._settings)
        taken = self._open(self._stream, start)
        begun = replace(taken, time=taken.time or self._tap.server_time, loading=start.loading)
        yield Batch(b"", begun, server_time=self._tap.server_time)
        try:
            if start.loading:
                self._stream.close()
                yield from load(self._client, self._scope, begun, self._tap.clock, self._settings.batch_size)
                yield Batch(b"", taken, server_time=self._tap.server_time)
                self._open(self._stream, taken)
            yield from self._stream.batches()
        except PyMongoError as error:
            if self._closed:
                return
            if (ours := translate(error, self._settings, match=self._scope.match is not None)) is None:
                raise
            raise self._lost(ours, self._tap.position) if isinstance(ours, HistoryLost) else ours from error

    def close(self) -> None:
        self._closed = True
        self._client.close()

    def _check(self) -> Server:
        server = Server.of(self._client, self._settings)
        if self._images.stored and not server.expanded_events:
            raise ConfigInvalid(
                "--full-document, --before: this MongoDB stores no images; 6.0 and newer can",
                hint="--full-document lookup or off, --before off",
            )
        with translated(self._settings):
            require_plain(self._client, self._scope.database, self._scope.collections)
        return server

    def _open(self, stream: ChangeStream, position: Position) -> Position:
        try:
            with translated(self._settings, match=self._scope.match is not None):
                return stream.open(position)
        except HistoryLost as lost:
            raise self._lost(lost, position) from lost

    def _lost(self, error: HistoryLost, position: Position) -> HistoryLost:
        """The same, with what is lost: seen when the stream is opened, or only with its first reply."""
        later = "name a later --from" if position.token is None else "`cdc cursor reset` makes the next start load all"
        return HistoryLost(
            f"{error}: changes from {position.clock or 'an unknown time'} on are lost, up to {self._oldest()}",
            hint=f"--on-history-lost skip-to-now goes on from now; {later}",
        )

    def _oldest(self) -> str:
        """The oldest time the server still knows, if the user may read the oplog."""
        try:
            first = self._client["local"]["oplog.rs"].find_one({}, {"ts": 1}, sort=[("$natural", 1)])
        except PyMongoError:
            first = None
        return str(first["ts"].as_datetime()) if first else "the oldest the server still has"
