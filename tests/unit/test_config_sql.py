"""SQL databases as settings: their URLs, and what they exclude."""

import importlib
import sys
from pathlib import Path

import pytest

import cdc.sql
from cdc.config import load
from cdc.config.sql import Address
from cdc.errors import ConfigInvalid


@pytest.mark.parametrize(
    ("url", "address", "credentials"),
    [
        ("mysql://u:p%40%2F@db/shop", Address("MySQL", "mysql", "db", 3306, "shop"), ("u", "p@/")),
        ("mariadb://u@db:3307/shop", Address("MariaDB", "mysql", "db", 3307, "shop"), ("u", None)),
        ("postgres://[::1]/my%20shop", Address("PostgreSQL", "postgresql", "::1", 5432, "my shop"), (None, None)),
        (
            "postgresql://u:p@db/shop?sslmode=require",
            Address("PostgreSQL", "postgresql", "db", 5432, "shop"),
            ("u", "p"),
        ),
    ],
)
def test_a_url_says_where_and_who(url: str, address: Address, credentials: tuple[str | None, str | None]) -> None:
    source = load({"source.url": url}, environ={}).settings.source
    assert (source.address, source.credentials) == (address, credentials)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:///x.db", "does not start with mysql://"),
        ("mysql://u:hunter22@/shop", "is not a well-formed URL"),
        ("mysql://u:hunter22@db:99999/shop", "is not a well-formed URL"),
        ("mysql://u:hunter22@db", "names no database"),
        ("mysql://u:hunter22@db/a/b", "names no database"),
        ("mysql://u:hunter22@db/shop?sslmode=require", "has an unknown option"),
        ("mysql://u:hunter22@db/shop?ssl_ca=/no/such/file", "names a file in ssl_ca that is not there"),
        ("postgresql://u:hunter22@db/shop?sslmode=yes", "has the sslmode 'yes'"),
    ],
)
def test_a_url_that_is_none_is_refused_and_never_repeated(url: str, says: str) -> None:
    for setting, flag in (("source.url", "--source"), ("sink.url", "--sink")):
        with pytest.raises(ConfigInvalid) as refused:
            load({setting: url}, environ={})
        assert str(refused.value).startswith(f"{flag}: {says}")
        assert "hunter22" not in f"{refused.value} {refused.value.hint}"


SOURCE = {"source.url": "mysql://u@db/shop", "table": ["articles"]}


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"collection": ["a"]}, "--collection and --source: the first is for MongoDB alone"),
        ({"mongo.database": "a"}, "--database and --source: the first is for MongoDB alone"),
        ({"match": "{}"}, "--match and --source: the first is for MongoDB alone"),
        ({"where": "{}"}, "--where and --source: the first is for MongoDB alone"),
        ({"from": "now"}, "--from and --source: the first is for MongoDB alone"),
        ({"on_history_lost": "resnapshot"}, "--on-history-lost and --source: the first is for MongoDB alone"),
        ({"tombstones": True}, "--tombstones and --source: the first is for MongoDB alone"),
        ({"mongo.uri": "mongodb://h"}, "--mongo-uri and --source: only one of them can be read"),
        ({"table": ["a.b.c"]}, "--table: 'a.b.c' is not a table"),
        ({"source.url": None}, "--table: names a table of a SQL database"),
    ],
)
def test_what_only_one_kind_of_source_has_is_refused_beside_the_other(flags: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        load(SOURCE | flags, environ={})
    assert str(refused.value).startswith(says)


def test_a_data_type_gives_a_table_no_collection() -> None:
    settings = load(SOURCE | {"data_type": "information"}, environ={}).settings
    assert (settings.names, settings.topic, settings.increment_field) == (("articles",), "information", "update_time")
    assert settings.database == "shop"
    assert settings.pipeline_name == "mysql.shop.articles-information"


def test_a_driver_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)
    with pytest.raises(ConfigInvalid) as refused:
        importlib.reload(cdc.sql)
    assert (str(refused.value), refused.value.hint) == ("SQL databases need pymysql", "pip install 'cdc[sql]'")


def test_a_url_from_a_file_is_shown_without_its_password(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("postgresql://u:hunter22@db/shop?sslmode=require\n")
    loaded = load({}, environ={"CDC_SOURCE__URL_FILE": str(path)})
    shown = next(row.value for row in loaded.rows() if row.setting == "source.url")
    assert shown == "postgresql://u:********@db/shop?sslmode=require"
    assert "hunter22" not in repr(loaded.settings)
