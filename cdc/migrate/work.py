"""What `cdc migrate` does with a task: copy, rehearse or verify, on the pipeline of `cdc watch`."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace

import structlog

from cdc import app
from cdc.config import Settings
from cdc.cursor.memory import MemoryStore
from cdc.encode import documents
from cdc.errors import Different
from cdc.migrate.mapped import MappedSink, Taker
from cdc.migrate.rehearsal import Rehearsal
from cdc.migrate.tally import Tally
from cdc.migrate.task import Task
from cdc.migrate.verification import Verification
from cdc.ops import logs
from cdc.pipeline import Parts
from cdc.progress import Progress
from cdc.sink.sql.rows import Rows

log = structlog.get_logger("cdc")
