"""The data type `information`: what fits, and what is said of what does not."""

from datetime import timedelta
from typing import Any

import pytest
from bson import Code, Decimal128, ObjectId
from bson.datetime_ms import DatetimeMS

from cdc.models.information import INFORMATION
from cdc.models.languages import ISO_639_1
from tests.support.news import MOMENT, item

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
INSTRUMENT, ATTACHMENT = item()["instruments"][0], item()["attachments"][0]


def refusal(**changes: Any) -> str | None:  # noqa: ANN401 - whatever is to be tried
    return INFORMATION.refusal(item(**changes))


def test_a_whole_item_and_a_bare_one() -> None:
    assert refusal() is None
    bare = {name: item()[name] for name in ("_id", "title", "source", "publish_time", "update_time")}
    assert INFORMATION.refusal(bare) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"_id": "reuters-1"},
        {"kind": "research"},
        {"sentiment": -1},
        {"sentiment": 1.0},
        {"sentiment": None},
        {"language": "zh-Hans"},
        {"language": "pt-BR"},
        {"language": "es-419"},
        {"language": "yue"},
        {"authors": []},
        {"instruments": [{"symbol": "UBSG", "isin": "CH0244767585"}, {"symbol": "HSBA", "isin": "GB0005405286"}]},
        {"publish_time": MOMENT + DAY, "crawl_time": MOMENT, "update_time": MOMENT},
        {"crawl_time": None},
        {"extra": {"anything": [ObjectId(), Decimal128("1.5"), None]}},
    ],
)
def test_it_fits(changes: dict[str, Any]) -> None:
    assert refusal(**changes) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"title": ...}, "title: Field required"),
        ({"title": ""}, "title: is blank"),
        ({"title": " \n"}, "title: is blank"),
        ({"title": 7}, "title: should be a valid string"),
        ({"title": None}, "title: should be a valid string"),
        ({"_id": 7}, "_id: should be an instance of ObjectId; _id: should be a valid string"),
        ({"_id": ""}, "_id: should be an instance of ObjectId; _id: is blank"),
        ({"kind": "blog"}, "kind: should be 'news' or 'research'"),
        ({"titel": "x"}, "titel: Extra inputs are not permitted"),
        ({"url": "news.example/1"}, "url: should be a valid URL, relative URL without a base"),
        ({"url": "ftp://news.example/1"}, "url: URL scheme should be 'http' or 'https'"),
        ({"language": "english"}, "language: is not a language code such as en, zh-Hans or pt-BR"),
        ({"language": "jp"}, "language: is not a language code such as en, zh-Hans or pt-BR"),
        ({"language": "en_US"}, "language: is not a language code such as en, zh-Hans or pt-BR"),
        ({"language": "EN"}, "language: is not a language code such as en, zh-Hans or pt-BR"),
        ({"tags": "rates"}, "tags: should be a valid list"),
        ({"tags": ["a", "b", "a"]}, "tags: has item 2 twice"),
        ({"tags": ["a", ""]}, "tags.1: is blank"),
        ({"authors": [None]}, "authors.0: should be a valid string"),
        ({"sentiment": 1.01}, "sentiment: should be less than or equal to 1"),
        ({"sentiment": -2}, "sentiment: should be greater than or equal to -1"),
        ({"sentiment": float("nan")}, "sentiment: should be a finite number"),
        ({"sentiment": "0.5"}, "sentiment: should be a valid number"),
        ({"sentiment": Decimal128("0.5")}, "sentiment: should be a valid number"),
        ({"sentiment": True}, "sentiment: should be a valid number"),
        ({"update_time": "2026-01-31T12:00:00Z"}, "update_time: should be a valid datetime"),
        ({"update_time": 1_769_860_800}, "update_time: should be a valid datetime"),
        ({"update_time": MOMENT.replace(tzinfo=None)}, "update_time: should have timezone info"),
        ({"update_time": DatetimeMS(2**60)}, "update_time: should be a valid datetime"),
        ({"update_time": MOMENT - MINUTE}, "update_time: is before crawl_time"),
        (
            {"crawl_time": MOMENT - DAY - MINUTE},
            "crawl_time: is more than a day before publish_time",
        ),
        (
            {"crawl_time": None, "update_time": MOMENT - DAY - MINUTE},
            "update_time: is more than a day before publish_time",
        ),
        ({"instruments": [{"exchange": "XNAS"}]}, "instruments.0.symbol: Field required"),
        (
            {"instruments": [INSTRUMENT | {"exchange": "NASDAQ"}]},
            "instruments.0.exchange: String should match pattern '^[A-Z0-9]{4}$'",
        ),
        (
            {"instruments": [INSTRUMENT | {"isin": "US0378331006"}]},
            "instruments.0.isin: is an ISIN whose check digit is wrong",
        ),
        (
            {"instruments": [INSTRUMENT | {"isin": "US03783310"}]},
            "instruments.0.isin: is not an ISIN: two letters, nine letters or digits, one digit",
        ),
        ({"instruments": [INSTRUMENT, INSTRUMENT]}, "instruments: has item 1 twice"),
        ({"attachments": [ATTACHMENT | {"size": -1}]}, "attachments.0.size: should be greater than or equal to 0"),
        ({"attachments": [ATTACHMENT | {"size": 1.0}]}, "attachments.0.size: should be a valid integer"),
        (
            {"attachments": [ATTACHMENT | {"media_type": "pdf"}]},
            "attachments.0.media_type: String should match pattern '^[a-z]+/[a-z0-9][a-z0-9.+-]*$'",
        ),
        ({"attachments": {}}, "attachments: should be a valid list"),
        ({"extra": [1]}, "extra: should be a valid dictionary"),
        ({"extra": Code("f()")}, "extra: should be a valid dictionary"),
    ],
)
def test_it_does_not_fit(changes: dict[str, Any], reason: str) -> None:
    assert refusal(**changes) == f"not Information: {reason}"


def test_only_the_first_reasons_are_told() -> None:
    said = refusal(tags=[""] * 9) or ""
    assert said.count("is blank") == 5
    assert said.endswith("tags.4: is blank; and 4 more")


def test_the_two_letter_codes_are_those_of_the_standard() -> None:
    assert len(ISO_639_1) == 183
    assert {len(code) for code in ISO_639_1} == {2}
