"""The data type `information`: news and research items."""

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, Field, HttpUrl, ValidationInfo, field_validator

from cdc.models.data_type import DataType
from cdc.models.document import Document, ObjectId, Part
from cdc.models.languages import Language
from cdc.models.table import BigInteger, Child, Column, DateTime, Double, Id, Json, Table
from cdc.models.table import Text as Varchar

_AHEAD = timedelta(days=1)
"""How far a publisher's clock, or its calendar day, may be ahead of ours."""


def _text(text: str) -> str:
    if not text or text.isspace():
        raise ValueError("is blank")
    return text


@lru_cache(10_000)
def _isin(isin: str) -> str:
    """The check digit by ISO 6166: Luhn's, over the digits with letters as 10 to 35."""
    if re.fullmatch("[A-Z]{2}[A-Z0-9]{9}[0-9]", isin) is None:
        raise ValueError("is not an ISIN: two letters, nine letters or digits, one digit")
    digits = [int(digit) for digit in reversed("".join(str(int(sign, 36)) for sign in isin))]
    if sum(digits[::2] + [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]) % 10:
        raise ValueError("is an ISIN whose check digit is wrong")
    return isin


def _unique(values: list[Any]) -> list[Any]:
    known = set()
    for place, value in enumerate(values):
        if value in known:
            raise ValueError(f"has item {place} twice")
        known.add(value)
    return values


Text = Annotated[str, AfterValidator(_text)]
Unique = AfterValidator(_unique)


class Instrument(Part):
    """What an item is about, as a market names it; `exchange` is the market identifier code of ISO 10383."""

    symbol: Text
    exchange: Annotated[str, Field(pattern="^[A-Z0-9]{4}$")] | None = None
    isin: Annotated[str, AfterValidator(_isin)] | None = None
    name: Text | None = None


class Attachment(Part):
    """A file that belongs to an item; `size` in bytes, `sha256` in hex."""

    name: Text
    url: HttpUrl
    media_type: Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9][a-z0-9.+-]*$")] | None = None
    size: Annotated[int, Field(ge=0)] | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None


class Information(Document):
    """A news or research item.

    `sentiment` goes from -1, bad, to 1, good. `publish_time` is the publisher's, `crawl_time` when the item was
    fetched, `update_time` when the document was last written. `extra` is the source's own and not looked into.
    """

    id: ObjectId | Text = Field(alias="_id")
    kind: Literal["news", "research"] | None = None
    title: Text
    summary: str | None = None
    content: str | None = None
    url: HttpUrl | None = None
    source: Text
    authors: Annotated[list[Text], Unique] = Field(default_factory=list)
    language: Language | None = None
    tags: Annotated[list[Text], Unique] = Field(default_factory=list)
    instruments: Annotated[list[Instrument], Unique] = Field(default_factory=list)
    sentiment: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None = None
    publish_time: AwareDatetime
    crawl_time: AwareDatetime | None = None
    update_time: AwareDatetime
    attachments: Annotated[list[Attachment], Unique] = Field(default_factory=list)
    extra: dict[str, Any] = Field(default_factory=dict)

    @field_validator("crawl_time", "update_time")
    @classmethod
    def _after_publication(cls, time: datetime | None, info: ValidationInfo) -> datetime | None:
        published = info.data.get("publish_time")
        if time and published and time < published - _AHEAD:
            raise ValueError("is more than a day before publish_time")
        return time

    @field_validator("update_time")
    @classmethod
    def _after_crawl(cls, time: datetime, info: ValidationInfo) -> datetime:
        crawled = info.data.get("crawl_time")
        if crawled and time < crawled:
            raise ValueError("is before crawl_time")
        return time


TABLE = Table(
    "information",
    key=(Column("id", Id(200), path="_id"),),
    columns=(
        Column("kind", Varchar(20)),
        Column("title", Varchar(1000), null=False),
        Column("summary", Varchar()),
        Column("content", Varchar()),
        Column("url", Varchar(2000)),
        Column("source", Varchar(200), null=False),
        Column("authors", Json(), null=False, default=[]),
        Column("language", Varchar(35)),
        Column("instruments", Json(), null=False, default=[]),
        Column("sentiment", Double()),
        Column("publish_time", DateTime(), null=False),
        Column("crawl_time", DateTime()),
        Column("update_time", DateTime(), null=False),
        Column("extra", Json()),
    ),
    children=(
        Child("information_tag", "tags", (Column("tag", Varchar(200), path="", null=False),)),
        Child(
            "information_attachment",
            "attachments",
            (
                Column("name", Varchar(500), null=False),
                Column("url", Varchar(2000), null=False),
                Column("media_type", Varchar(200)),
                Column("size", BigInteger()),
                Column("sha256", Varchar(64)),
            ),
        ),
    ),
)

INFORMATION = DataType(
    model=Information, collection="info", topic="information", increment_field="update_time", table=TABLE
)
