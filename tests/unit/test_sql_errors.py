"""What the errors of a SQL target mean, by their codes."""

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from cdc.config.sql import SqlSettings
from cdc.errors import SinkUnreachable
from cdc.sink.sql.refusals import refusal
from cdc.sql.errors import SINK, translate

ADDRESS = SqlSettings(url=SecretStr("mysql://u:q7hunter22@h/nfsc")).address
WORDS = "words of the server with q7hunter22"


def failure(code: int) -> DBAPIError:
    return DBAPIError(None, None, Exception(code, WORDS))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1118, "the row is too large for the table (1118)"),
        (3157, "a value is JSON of too many levels (3157)"),
    ],
)
def test_a_row_that_the_table_cannot_hold_is_refused_by_itself(code: int, reason: str) -> None:
    assert refusal(failure(code)) == reason
    assert translate(failure(code), ADDRESS, SINK) is None


@pytest.mark.parametrize("code", [1021, 1030, 1047, 1114])
def test_a_server_without_room_or_outside_its_cluster_is_tried_again(code: int) -> None:
    ours = translate(failure(code), ADDRESS, SINK)
    assert isinstance(ours, SinkUnreachable)
    assert "q7hunter22" not in f"{ours}{ours.hint}"
    assert refusal(failure(code)) is None
