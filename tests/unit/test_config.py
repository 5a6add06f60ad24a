"""Where values come from, how they are shown, and what they become."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from bson import ObjectId
from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st
from pymongo import MongoClient
from typer.testing import CliRunner

from cdc.cli.config import app
from cdc.config import KafkaSettings, Loaded, MongoSettings, Settings, load
from cdc.config.sources import SECRETS, env_name, from_environment
from cdc.config.values import MATCHABLE_OPERATIONS, is_topic_name
from cdc.errors import ConfigInvalid
from cdc.events import Operation

PASSWORD = st.text("abcXYZ019%:/?#@&=+ '\"{}\\é", min_size=8).map(lambda text: f"q7{text}Zk")


def write(folder: Path, text: str) -> Path:
    path = folder / "cdc.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def settings(environ: Mapping[str, str] | None = None, **flags: object) -> Settings:
    return load({name.replace("__", "."): value for name, value in flags.items()}, environ=environ or {}).settings


def shown(loaded: Loaded, setting: str) -> tuple[object, str]:
    return next((row.value, row.origin) for row in loaded.rows() if row.setting == setting)


def test_flag_over_environment_over_file_over_default(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "topic: from-file\nname: from-file\nmetrics_port: 1\nkafka: {compression: zstd, linger_ms: 9, batch_size: 3}\n",
    )
    environ = {
        "CDC_TOPIC": "from-env",
        "CDC_NAME": "from-env",
        "CDC_KAFKA__LINGER_MS": "8",
        "CDC_KAFKA__BATCH_SIZE": "2",
    }
    loaded = load(
        {"topic": "from-flag", "name": None, "collection": [], "kafka.batch_size": 1}, config=path, environ=environ
    )
    assert shown(loaded, "topic") == ("from-flag", "flag --topic")
    assert shown(loaded, "name") == ("from-env", "environment CDC_NAME")
    assert shown(loaded, "metrics_port") == (1, f"file {path}")
    assert shown(loaded, "collection") == ([], "default")
    assert shown(loaded, "kafka.batch_size") == (1, "flag --kafka-batch-size")
    assert shown(loaded, "kafka.linger_ms") == (8, "environment CDC_KAFKA__LINGER_MS")
    assert shown(loaded, "kafka.compression") == ("zstd", f"file {path}")
    assert shown(loaded, "kafka.acks") == ("all", "default")


def test_the_environment_names_the_file_and_a_flag_overrides_it(tmp_path: Path) -> None:
    path = write(tmp_path, "topic: chosen\n")
    assert load({}, environ={"CDC_CONFIG": str(path)}).settings.topic == "chosen"
    assert load({}, config=path, environ={"CDC_CONFIG": "/nowhere.yaml"}).settings.topic == "chosen"


def test_settings_made_in_code_do_not_read_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDC_TOPIC", "from-env")
    monkeypatch.setenv("TOPIC", "from-env")
    assert Settings().topic is None


def test_empty_and_foreign_variables_say_nothing() -> None:
    environ = {"CDC_TOPIC": "", "CDC_TEST_MONGO_URI": "mongodb://h", "PATH": "/bin"}
    assert settings(environ) == settings()


def test_an_empty_file_and_an_empty_value_say_nothing(tmp_path: Path) -> None:
    assert load({}, config=write(tmp_path, ""), environ={}).settings == settings()
    assert load({}, config=write(tmp_path, "kafka:\nmongo:\n  port:\n"), environ={}).settings == settings()


def test_a_switch_is_named_as_it_was_written() -> None:
    loaded = load({"snapshot": False, "create_topics": False, "tombstones": True}, environ={})
    assert shown(loaded, "snapshot") == (False, "flag --no-snapshot")
    assert shown(loaded, "create_topics") == (False, "flag --no-create-topics")
    assert shown(loaded, "tombstones") == (True, "flag --tombstones")


def test_yaml_off_is_off_and_not_false(tmp_path: Path) -> None:
    loaded = load({}, config=write(tmp_path, "full_document: off\nbefore: off\n"), environ={})
    assert (loaded.settings.full_document, loaded.settings.before) == ("off", "off")


@pytest.mark.parametrize(
    "variable", ["CDC_MONGO__URI_FILE", "CDC_MONGO__PASSWORD_FILE", "CDC_KAFKA__SASL_PASSWORD_FILE"]
)
def test_a_secret_may_lie_in_a_file_of_its_own(tmp_path: Path, variable: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mongodb://u:hunter22@h\n", encoding="utf-8")
    others = {
        "CDC_MONGO__PASSWORD_FILE": {"CDC_MONGO__USER": "u"},
        "CDC_KAFKA__SASL_PASSWORD_FILE": {
            "CDC_KAFKA__SASL_USERNAME": "u",
            "CDC_KAFKA__SASL_MECHANISM": "PLAIN",
            "CDC_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        },
    }.get(variable, {})
    loaded = load({}, environ={variable: str(secret), **others})
    secrets = (loaded.settings.mongo.uri, loaded.settings.mongo.password, loaded.settings.kafka.sasl_password)
    assert [secret.get_secret_value() for secret in secrets if secret] == ["mongodb://u:hunter22@h"]
    assert f"environment {variable}" in loaded.origin.values()


@pytest.mark.parametrize(("written", "read"), [("a b\n", "a b"), (" a\n\n", " a\n"), ("a", "a"), ("a\r\n", "a")])
def test_of_a_secrets_file_one_newline_at_its_end_is_left_out(tmp_path: Path, written: str, read: str) -> None:
    path = tmp_path / "secret"
    path.write_bytes(written.encode())
    environ = {"CDC_MONGO__USER": "u", "CDC_MONGO__PASSWORD_FILE": str(path)}
    password = settings(environ).mongo.password
    assert password is not None
    assert password.get_secret_value() == read


@pytest.mark.parametrize("setting", sorted(SECRETS))
def test_every_secret_may_lie_in_a_file(tmp_path: Path, setting: str) -> None:
    path = tmp_path / "secret"
    path.write_text("mongodb://u:hunter22@h\n", encoding="utf-8")
    (stated,) = from_environment({f"{env_name(setting)}_FILE": str(path)}).items()
    assert stated == (setting, ("mongodb://u:hunter22@h", f"{env_name(setting)}_FILE", stated[1].origin))


@pytest.mark.parametrize(
    ("flags", "environ", "visible"),
    [
        ({"mongo.uri": "mongodb://u:hunter22@h"}, {}, ["--mongo-uri"]),
        ({"source.url": "mysql://u:hunter22@h/d", "sink.url": "mysql://u@h/d"}, {}, ["--source"]),
        ({"mongo.uri": "mongodb://h/?tls=true&tlsCertificateKeyFilePassword=hunter22"}, {}, ["--mongo-uri"]),
        ({"mongo.uri": "mongodb://u@h/?authMechanism=MONGODB-X509"}, {}, []),
        ({}, {"CDC_MONGO__URI": "mongodb://u:hunter22@h"}, []),
        ({}, {}, []),
    ],
)
def test_a_password_among_the_arguments_is_noticed(
    flags: dict[str, object], environ: dict[str, str], visible: list[str]
) -> None:
    assert [flag for flag, _ in load(flags, environ=environ).visible] == visible


def test_a_setting_that_ends_in_file_is_not_a_secret_in_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, "not a secret")
    assert settings({"CDC_MONGO__TLS_CA_FILE": str(path)}).mongo.tls_ca_file == path


@pytest.mark.parametrize(
    "written", ["info,people", " info , people", "info,people,info", '["info", "people"]', ["info", "people"]]
)
def test_collections_as_people_write_them(written: object) -> None:
    assert settings(collection=written).collection == ("info", "people")


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T14:00:00+02:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        (date(2026, 1, 31), datetime(2026, 1, 31, tzinfo=UTC)),
        ("1700000000.5", datetime.fromtimestamp(1700000000.5, UTC)),
        (1700000000, datetime.fromtimestamp(1700000000, UTC)),
        ("now", "now"),
    ],
)
def test_start_times(written: object, moment: object) -> None:
    assert load({"from": written}, environ={}).settings.from_ == moment


def test_match_is_extended_json_in_a_flag_and_in_a_file(tmp_path: Path) -> None:
    oid = "0123456789abcdef01234567"
    path = write(tmp_path, f"match: {{documentKey._id: {{$oid: '{oid}'}}, operationType: {{$in: [insert, drop]}}}}\n")
    expected = {"documentKey._id": ObjectId(oid), "operationType": {"$in": ["insert", "drop"]}}
    loaded = load({}, config=path, environ={})
    assert loaded.settings.match == expected
    assert json.loads(json.dumps(shown(loaded, "match")[0]))["documentKey._id"] == {"$oid": oid}
    assert settings(match=json.dumps(shown(loaded, "match")[0])).match == expected


def test_every_operation_but_a_read_can_be_matched() -> None:
    assert {*MATCHABLE_OPERATIONS} == {*Operation} - {Operation.READ}


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ({"collection": ["info"], "topic": "temp5"}, "raw_data_temp.info-temp5"),
        ({"topic": "temp5"}, "raw_data_temp-temp5"),
        ({"mongo.database": "shop", "topic": "temp5"}, "shop-temp5"),
        ({"collection": ["info"], "topic": "temp5", "name": "mine"}, "mine"),
        ({"collection": ["info"], "dry_run": True}, "raw_data_temp.info"),
    ],
)
def test_pipeline_name(flags: dict[str, object], name: str) -> None:
    assert load(flags, environ={}).settings.pipeline_name == name


def test_pipeline_names_stay_apart_where_characters_give_way() -> None:
    collections = [("a", "b_c"), ("a_b", "c"), ("a b", "c"), ("a", "b", "c"), ("a" * 120, "b" * 120)]
    names = [settings(collection=names, topic="{coll}").pipeline_name for names in collections]
    assert len({*names, settings(topic="coll").pipeline_name, settings(topic="{coll}").pipeline_name}) == len(names) + 2
    assert names[0].startswith("raw_data_temp.a_b_c-coll-")


@given(st.lists(st.text(min_size=1).filter(lambda name: name.strip() and "$" not in name and "\0" not in name)))
def test_pipeline_name_is_legal_and_does_not_depend_on_order(collections: list[str]) -> None:
    made = [
        Settings.model_construct(collection=tuple(order), topic="{coll}", mongo=MongoSettings()).pipeline_name
        for order in (collections, collections[::-1])
    ]
    assert made[0] == made[1]
    assert settings(name=made[0]).pipeline_name == made[0]


def test_topics() -> None:
    assert settings(topic="a.{db}.{coll}-x").topic_for("shop", "orders") == "a.shop.orders-x"
    assert settings(topic="fixed").topic_for("shop", "orders") == "fixed"
    assert settings(dry_run=True).topic_for("shop", "orders") == "shop.orders"
    with pytest.raises(ConfigInvalid, match=r"--topic t\.\{coll\} gives no legal topic name for .* shop\.my orders"):
        settings(topic="t.{coll}").topic_for("shop", "my orders")


@pytest.mark.parametrize(
    ("option", "flag"), [("dead_letter_topic", "--dead-letter-topic"), ("ddl_topic", "--ddl-topic")]
)
def test_no_collections_topic_is_that_of_something_else(option: str, flag: str) -> None:
    chosen = load({"topic": "{db}.{coll}", option: "shop.dead"}, environ={}).settings
    assert chosen.topic_for("shop", "orders") == "shop.orders"
    with pytest.raises(ConfigInvalid, match=f"gives the collection shop.dead the topic 'shop.dead', which is {flag}'s"):
        chosen.topic_for("shop", "dead")


def test_topic_is_missing_unless_it_is_a_dry_run() -> None:
    with pytest.raises(ConfigInvalid, match="--topic is missing"):
        settings().require_target()
    settings(dry_run=True).require_target()
    settings(topic="t").require_target()


@given(st.text(max_size=260))
def test_a_topic_is_taken_exactly_if_kafka_takes_it(name: str) -> None:
    plain = name.replace("{", "").replace("}", "")
    if is_topic_name(plain):
        assert settings(topic=plain).topic == plain
    else:
        with pytest.raises(ConfigInvalid, match="--topic"):
            settings(topic=plain)


@pytest.mark.parametrize(
    ("mongo", "addresses", "database"),
    [
        (MongoSettings(), ["127.0.0.1:27017"], "raw_data_temp"),
        (MongoSettings(host="::1", port=5), ["[::1]:5"], "raw_data_temp"),
        (MongoSettings.model_validate({"uri": "mongodb://u:p%40@h1,h2:5/shop"}), ["h1:27017", "h2:5"], "shop"),
        (MongoSettings.model_validate({"uri": "mongodb://h/shop", "database": "other"}), ["h:27017"], "other"),
        (MongoSettings.model_validate({"uri": "mongodb+srv://u:p@c.example.net/?srvMaxHosts=2&w=1"}),
         ["c.example.net"], "raw_data_temp"),
    ],
)  # fmt: skip
def test_mongo_addresses_and_database(mongo: MongoSettings, addresses: list[str], database: str) -> None:
    assert (mongo.addresses(), mongo.database) == (addresses, database)


def test_a_mongo_client_takes_the_connection_and_settings_win_over_the_uri() -> None:
    uri = "mongodb://u:p%40@h/?serverSelectionTimeoutMS=7&maxPoolSize=3&replicaSet=rs0&authSource=x"
    address, options = settings({"CDC_MONGO__MAX_POOL_SIZE": "9"}, mongo__uri=uri).mongo.connection()
    with MongoClient[dict[str, object]](address, **options, connect=False) as client:
        assert client.options.server_selection_timeout == 0.007
        assert client.options.pool_options.max_pool_size == 9
        assert client.options.replica_set_name == "rs0"


def test_a_mongo_client_takes_a_user_and_password_as_they_are() -> None:
    loaded = load({"mongo.user": "u@", "mongo.password": "p:/%", "mongo.auth_source": "x"}, environ={})
    address, options = loaded.settings.mongo.connection()
    assert options == {"username": "u@", "password": "p:/%", "authSource": "x", "serverSelectionTimeoutMS": 5000}
    MongoClient[dict[str, object]](address, **options, connect=False).close()


def test_kafka_defaults() -> None:
    config = KafkaSettings().producer_config("me")
    assert config["client.id"] == "me"
    assert (config["enable.idempotence"], config["acks"], config["compression.type"]) == ("true", "all", "lz4")
    assert (config["batch.size"], config["linger.ms"], config["message.timeout.ms"]) == ("1000000", "5", "0")


def test_a_record_that_never_fits_the_buffer_is_too_large() -> None:
    config = KafkaSettings(buffer_bytes=1024 * 1024).producer_config("me")
    assert int(config["message.max.bytes"]) <= int(config["queue.buffering.max.kbytes"]) * 1024


def test_librdkafka_properties_by_their_own_name(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "kafka:\n  queue.buffering.backpressure.threshold: 20\n"
        "  socket.keepalive.enable: true\n  properties: {ssl.ca.pem: xyz, debug: msg}\n"
        "  topic_config: {cleanup.policy: compact, preallocate: true}\n",
    )
    loaded = load({}, config=path, environ={})
    kafka = loaded.settings.kafka
    assert kafka.producer_config("me")["queue.buffering.backpressure.threshold"] == "20"
    assert kafka.topic_config == {"cleanup.policy": "compact", "preallocate": "true"}
    assert "queue.buffering.backpressure.threshold" not in kafka.client_config("me")
    assert kafka.client_config("me")["socket.keepalive.enable"] == "true"
    assert shown(loaded, "kafka.properties") == (
        {
            "queue.buffering.backpressure.threshold": "20",
            "socket.keepalive.enable": "true",
            "ssl.ca.pem": "********",
            "debug": "msg",
        },
        f"file {path}",
    )


def test_without_idempotence_one_request_at_a_time_keeps_the_order() -> None:
    kafka = settings({"CDC_KAFKA__IDEMPOTENCE": "no", "CDC_KAFKA__ACKS": "1", "CDC_KAFKA__RETRIES": "3"}).kafka
    config = kafka.producer_config("me")
    assert (config["max.in.flight.requests.per.connection"], config["acks"], config["retries"]) == ("1", "1", "3")


@pytest.mark.parametrize(
    "kafka",
    [
        KafkaSettings(),
        KafkaSettings(idempotence=False, acks="1", retries=3, buffer_bytes=2048 * 1024 * 1024, linger_ms=0.5),
        KafkaSettings.model_validate({"security_protocol": "SSL", "properties": {"batch.num.messages": 7}}),
    ],
)
def test_librdkafka_takes_what_we_give_it(kafka: KafkaSettings) -> None:
    config = kafka.producer_config("me") | {"bootstrap.servers": "", "test.mock.num.brokers": "0"}
    assert len(Producer({**config, "log_level": "0"})) == 0


@given(PASSWORD)
def test_show_masks_every_secret(password: str) -> None:
    loaded = load(
        {
            "mongo.user": "u",
            "mongo.password": password,
            "mongo.tls_certificate_key_file_password": password,
            "kafka.sasl_username": "u",
            "kafka.sasl_password": password,
            "kafka.ssl_key_password": password,
            "kafka.security_protocol": "sasl_ssl",
            "kafka.sasl_mechanism": "PLAIN",
            "kafka.properties": {
                "sasl.oauthbearer.client.secret": password,
                "sasl.oauthbearer.assertion.private.key.passphrase": password,
                "ssl.key.password": password,
            },
        },
        environ={},
    )
    assert password not in repr(loaded.rows())
    assert password not in repr(loaded.settings)
    assert sum(row.value == "********" for row in loaded.rows()) == 4


@given(st.text("abcXYZ019-._~!*'(),", min_size=8).map(lambda text: f"q7{text}Zk"))
def test_show_masks_a_uri_in_its_password_alone(password: str) -> None:
    uri = f"mongodb://u:{password}@h1,h2:5/shop?replicaSet=rs0&tls=true&tlsCertificateKeyFilePassword={password}"
    loaded = load({"mongo.uri": uri}, environ={})
    masked = "mongodb://u:********@h1,h2:5/shop?replicaSet=rs0&tls=true&tlsCertificateKeyFilePassword=********"
    assert shown(loaded, "mongo.uri") == (masked, "flag --mongo-uri")
    assert shown(loaded, "mongo.database") == ("shop", "flag --mongo-uri")
    assert password not in repr(loaded.settings)


@pytest.mark.parametrize("uri", ["mongodb://h1:5/shop", "mongodb://u@h", "mongodb+srv://h.example.net/?w=1"])
def test_a_uri_without_secrets_is_shown_as_it_is(uri: str) -> None:
    assert shown(load({"mongo.uri": uri}, environ={}), "mongo.uri")[0] == uri


def test_config_show_prints_columns_and_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDC_MONGO__URI", "mongodb://u:hunter22@h")
    path = write(tmp_path, "topic: temp5\n")
    plain = CliRunner().invoke(app, ["show", "--config", str(path)])
    assert ["topic", "temp5", "file", str(path)] in [line.split() for line in plain.stdout.splitlines()]
    rows = json.loads(CliRunner().invoke(app, ["show", "--config", str(path), "--json"]).stdout)
    assert {"setting": "topic", "value": "temp5", "origin": f"file {path}"} in rows
    assert "hunter22" not in plain.stdout + json.dumps(rows)
    assert len(rows) == len(plain.stdout.splitlines())


def test_config_schema_has_every_setting_with_a_description() -> None:
    schema = json.loads(CliRunner().invoke(app, ["schema"]).stdout)
    assert schema["additionalProperties"] is False
    assert {"from", "topic", "mongo", "kafka"} <= {*schema["properties"]}
    groups = [schema["properties"], *(group["properties"] for group in schema["$defs"].values())]
    assert [
        name for group in groups for name, about in group.items() if not about.get("description", "").endswith(".")
    ] == []


@pytest.mark.parametrize(
    ("topic", "collection", "shared"),
    [("t", ["a"], False), ("t", ["a", "a"], False), ("t", ["a", "b"], True), ("t", [], True), ("{coll}", [], False)],
)
def test_a_topic_is_shared_where_several_collections_write_to_it(
    topic: str, collection: list[str], *, shared: bool
) -> None:
    settings = load({"topic": topic, "collection": collection}, environ={}).settings
    assert settings.shares_topic is shared
