"""What is refused, and that each refusal names the setting, says what to write, and keeps secrets."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc.config import load
from cdc.errors import ConfigInvalid, ExitCode

PASSWORD = st.text("abcXYZ019%:/?#@&=+ '\"{}[]\\é", min_size=8).map(lambda text: f"q7{text}Zk")


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def refusal(
    flags: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None, config: Path | None = None
) -> str:
    with pytest.raises(ConfigInvalid) as caught:
        load(flags or {}, config=config, environ=environ or {})
    assert caught.value.exit_code is ExitCode.CONFIG
    assert caught.value.hint
    assert "\n" not in f"{caught.value}{caught.value.hint}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return f"{caught.value} | {caught.value.hint}"


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("topic", "a b", "--topic: 'a b' is not a Kafka topic name | write letters, digits"),
        ("topic", "x" * 250, "is not a Kafka topic name"),
        ("topic", "..", "--topic: '..' is not a Kafka topic name"),
        ("topic", "{db", "--topic: '{db' has a brace without its partner"),
        ("topic", "{table}", "--topic: '{table}' has an unknown placeholder | the placeholders are {db} and {coll}"),
        ("topic", "{db.x}", "unknown placeholder"),
        ("topic", "{}", "unknown placeholder"),
        ("topic", "{db!r}", "unknown placeholder"),
        ("dead_letter_topic", "{db}", "--dead-letter-topic: '{db}' is not a Kafka topic name"),
        ("name", "a/b", "--name: 'a/b' is not a pipeline name"),
        ("name", "x" * 201, "is not a pipeline name"),
        ("collection", ["$cmd"], "--collection: '$cmd' is not a collection that can be watched"),
        ("collection", ["system.users"], "--collection: 'system.users' is not"),
        ("collection", "a,,b", "--collection: '' is not"),
        ("collection", "[1]", "is not a list of collection names"),
        ("collection", "[", "--collection: the value is not JSON"),
        ("collection", "[" * 5000, "--collection: the value is not JSON"),
        ("collection", ["a..b"], "--collection: 'a..b' is not a collection that can be watched"),
        ("from", "soon", "--from: 'soon' is not a time | write `now`, a time such as"),
        ("from", "2999-01-01", "--from: '2999-01-01' is in the future"),
        ("from", 1.7e12, "is not a time"),
        ("from", "-5", "--from: '-5' is before 1970"),
        ("from", 1e300, "is not a time"),
        ("from", "0001-01-01T00:00+14:00", "is not a time"),
        ("from", True, "--from: True is not a time"),
        ("match", "{", "--match: not JSON from character 2 on"),
        ("match", "[]", "--match: not a JSON object"),
        ("match", nested(101), "--match: nested deeper than MongoDB's 100 levels"),
        ("match", nested(20_000), "--match: nested deeper than MongoDB's 100 levels"),
        ("match", '{"operationType": "inserts"}', "--match: unknown operationType 'inserts': did you mean 'insert'?"),
        ("match", '{"$or": [{"operationType": {"$in": ["insert", "zzz"]}}]}', "unknown operationType 'zzz' | the op"),
        ("match", '{"operationType": {"$not": {"$eq": "dropp"}}}', "did you mean 'drop'?"),
        ("match", '{"_id": {"$oid": "zz"}}', "--match: not Extended JSON: 'zz' is not a valid ObjectId"),
        ("match", '{"n": {"$numberDecimal": "zz"}}', "--match: a typed value"),
        ("match", '{"n": {"$binary": 5}}', "--match: "),
        ("full_document", "requird", "--full-document: 'requird' should be 'lookup', 'required'"),
        ("before", "always", "--before: 'always' should be 'lookup', 'required', 'when-available' or 'off'"),
        ("on_history_lost", "resume", "--on-history-lost: 'resume' should be"),
        ("metrics_port", 70000, "--metrics-port: 70000 should be less than or equal to 65535"),
        ("startup_timeout", float("inf"), "--startup-timeout: inf should be a finite number"),
        ("shutdown_timeout", 0, "--shutdown-timeout: 0 should be greater than 0"),
        ("stall_timeout", 0.5, "--stall-timeout: 0.5 should be greater than or equal to 1"),
        ("headroom_warn", -1, "--headroom-warn: -1 should be greater than or equal to 0"),
        ("checkpoint_interval", 0, "--checkpoint-interval: 0 should be greater than 0"),
        ("mongo.uri", "localhost:27017", "--mongo-uri: does not start with mongodb:// or mongodb+srv:// | write"),
        ("mongo.uri", "mongodb://", "--mongo-uri: is not a well-formed MongoDB URI"),
        ("mongo.uri", "mongodb://h:99999", "--mongo-uri: has a port"),
        ("mongo.uri", "mongodb://h/?retryWrite=1", "--mongo-uri: has an option that MongoDB does not know"),
        ("mongo.uri", "mongodb+srv://h.example.net:5", "--mongo-uri: is not a well-formed"),
        ("mongo.host", "h:5", "mongo.host 'h:5' is not a host name | write one host; its port goes to mongo.port"),
        ("mongo.database", "a.b", "--database: 'a.b' is not a database name"),
        ("mongo.database", "admin", "--database: 'admin' is MongoDB's own, without change streams | name the database"),
        ("mongo.database", "local", "--database: 'local' is MongoDB's own"),
        ("mongo.database", "config", "--database: 'config' is MongoDB's own"),
        ("mongo.uri", "mongodb://h/admin", "--mongo-uri: 'admin' is MongoDB's own, without change streams | name"),
        ("mongo.uri", "mongodb://h/?socketTimeoutMS=500", "--mongo-uri and mongo.max_await_time_ms: no reply can come"),
        ("mongo.max_await_time_ms", 5001, "5001 should be less than or equal to 5000"),
        ("mongo.tls_ca_file", "/nowhere.pem", "'/nowhere.pem' does not point to a file"),
        ("kafka.bootstrap_servers", "localhost", "--kafka: 'localhost' is not host:port | write host:port"),
        ("kafka.bootstrap_servers", "a:1,b:0", "--kafka: 'b:0' is not host:port"),
        ("kafka.bootstrap_servers", "a:1,", "--kafka: '' is not host:port"),
        ("kafka.acks", 0, "0 would lose records"),
        ("kafka.compression", "lz5", "'lz5' should be 'lz4', 'none', 'gzip', 'snappy' or 'zstd'"),
        ("kafka.partitions", 0, "0 is not a count | write a count of at least 1, or -1"),
        ("kafka.partitions", 99999999999, "99999999999 should be less than or equal to 100000"),
        ("kafka.replication_factor", 99999999999, "99999999999 should be less than or equal to 10000"),
        ("kafka.sasl_mechanism", "PLAIN", "a login needs a protocol that has one"),
        ("kafka.security_protocol", "sasl_ssl", "kafka.sasl_mechanism: missing | set kafka.sasl_mechanism to PLAIN"),
        ("kafka.properties", "{", "the value is not JSON"),
        ("kafka.properties", {"a.b": [1]}, "the value of 'a.b' is not a string"),
        ("kafka.properties", {"acks": "0"}, "acks is not for you to set | use kafka.acks"),
        ("kafka.properties", {"enable.idempotence": False}, "enable.idempotence is not for you to set"),
        ("kafka.properties", {"partitioner": "random"}, "partitioner random would spread"),
        ("kafka.properties", {"queue.buffering.max.kbytes": 1}, "is not for you to set | use kafka.buffer_bytes"),
        ("kafka.properties", {"queue.buffering.max.messages": 1}, "is not for you to set | use kafka.buffer_bytes"),
        ("kafka.properties", {"message.max.bytes": 1}, "message.max.bytes is not for you to set | use kafka.buffer_b"),
        ("kafka.properties", {"batch.size": 1}, "batch.size is not for you to set | use kafka.batch_size"),
        ("kafka.properties", {"linger.ms": 1}, "linger.ms is not for you to set | use kafka.linger_ms"),
        ("kafka.properties", {"queue.buffering.max.ms": 1}, "is not for you to set | use kafka.linger_ms"),
        ("kafka.properties", {"compression.type": "lz4"}, "is not for you to set | use kafka.compression"),
        ("kafka.properties", {"compression.codec": "lz4"}, "is not for you to set | use kafka.compression"),
        ("kafka.properties", {"retries": 1}, "retries is not for you to set | use kafka.retries"),
        ("kafka.properties", {"stats_cb": "x"}, "'stats_cb' is not a property that can be set | a property's name has"),
        ("kafka.properties", {"default.topic.config": "x"}, "default.topic.config is not for you to set | write each"),
    ],
)  # fmt: skip
def test_a_malformed_value_is_named_with_what_to_write_instead(setting: str, value: object, says: str) -> None:
    says = says.removeprefix(f"{setting} ")
    assert says in refusal({setting: value})


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"CDC_TOPIC": "a b"}, "CDC_TOPIC: 'a b' is not a Kafka topic name"),
        ({"CDC_KAFKA__LINGER_MS": "soon"}, "CDC_KAFKA__LINGER_MS: 'soon' should be a valid number"),
        ({"CDC_ONCE": "perhaps"}, "CDC_ONCE: 'perhaps' should be a valid boolean"),
        ({"CDC_KAFKA__ACKS": "1"}, "CDC_KAFKA__ACKS and kafka.idempotence: idempotence needs acks=all"),
        ({"CDC_KAFKA__RETRIES": "0"}, "CDC_KAFKA__RETRIES and kafka.idempotence: idempotence needs retries"),
        (
            {"CDC_MONGO__MIN_POOL_SIZE": "5", "CDC_MONGO__MAX_POOL_SIZE": "2"},
            "CDC_MONGO__MIN_POOL_SIZE and CDC_MONGO__MAX_POOL_SIZE: the least is more than the most | ",
        ),
        (
            {"CDC_MONGO__SOCKET_TIMEOUT_MS": "500"},
            "CDC_MONGO__SOCKET_TIMEOUT_MS and mongo.max_await_time_ms: no reply can come in time | ",
        ),
        ({"CDC_MONGO__USER": "u"}, "CDC_MONGO__USER and mongo.password: one needs the other"),
        ({"CDC_KAFKA__BOOTSTRAP_SERVER": "h:1"}, "did you mean 'CDC_KAFKA__BOOTSTRAP_SERVERS'?"),
        ({"CDC_TOPICS": "t"}, "unknown setting 'CDC_TOPICS' in the environment: did you mean 'CDC_TOPIC'?"),
        ({"CDC_QQQQ": "t"}, "unknown setting 'CDC_QQQQ' in the environment | `cdc config schema`"),
        ({"CDC_CONFIG": "/nowhere.yaml"}, "CDC_CONFIG: /nowhere.yaml cannot be read: No such file"),
        ({"CDC_MONGO__URI_FILE": "/nowhere"}, "CDC_MONGO__URI_FILE: /nowhere cannot be read: No such file"),
        (
            {"CDC_MONGO__URI": "mongodb://h", "CDC_MONGO__URI_FILE": "/dev/null"},
            "CDC_MONGO__URI and CDC_MONGO__URI_FILE say the same setting | leave out one of them",
        ),
        (
            {"CDC_MONGO__URI_FILE": "/nowhere", "CDC_MONGO__URI": "mongodb://h"},
            "CDC_MONGO__URI_FILE and CDC_MONGO__URI say the same setting | leave out one of them",
        ),
        ({"CDC_MONGO__URI_FILE": "/dev/null"}, "CDC_MONGO__URI_FILE: /dev/null is empty | save the secret in it"),
        ({"CDC_MONGO__PASSWORD_FILE": "/"}, "CDC_MONGO__PASSWORD_FILE: / cannot be read: Is a directory | write the"),
    ],
)
def test_a_variable_is_named_as_it_is_written(environ: dict[str, str], says: str) -> None:
    assert says in refusal(environ=environ)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("topic: a b", "'topic' in {path}: 'a b' is not a Kafka topic name"),
        ("topic: 5", "'topic' in {path}: 5 should be a valid string | put the value in quotes"),
        (
            "kafka:\n  bootstrap_server: h:1",
            "unknown setting 'kafka.bootstrap_server' in {path}: did you mean 'kafka.b",
        ),
        ("topik: t", "unknown setting 'topik' in {path}: did you mean 'topic'?"),
        ("kafka: fast", "'kafka' in {path} is a group of settings | write them indented under `kafka:`"),
        ("topic: a\n  b: c", "{path} is not YAML at line 2, column 4"),
        ("topic: [", "{path} is not YAML at line 1"),
        ("from: 2026-13-45", "{path} has a date or a number that cannot be: month must be in 1..12"),
        pytest.param("topic: " + "[" * 5000, "{path} is nested too deeply", id="deep"),
        (
            "dead_letter_topic: a\nddl_topic: a",
            "'dead_letter_topic' in {path} and 'ddl_topic' in {path}: name the same",
        ),
        ("topic: a\x07b", "{path} has a character that YAML does not allow"),
        ("- topic", "{path} holds no settings"),
        ("topic: a\nddl_topic: a", "'topic' in {path} and 'ddl_topic' in {path}: name the same topic"),
        ("mongo: {tls: no, tls_ca_file: {path}}", "'mongo.tls' in {path} and 'mongo.tls_ca_file' in {path}: exclude"),
        ("kafka: {idempotence: no, max.in.flight: 5}", "max.in.flight must stay 1 without idempotence"),
    ],
)
def test_a_file_is_named_with_the_place(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "cdc.yaml"
    path.write_text(text.replace("{path}", str(path)), encoding="utf-8")
    assert says.replace("{path}", str(path)) in refusal(config=path)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    assert "--config: " in refusal(config=tmp_path / "missing.yaml")
    assert "--config: " in refusal(config=tmp_path)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\xfd")
    assert f"{binary} is not UTF-8 text" in refusal(config=binary)
    assert "CDC_MONGO__URI_FILE: " in refusal(environ={"CDC_MONGO__URI_FILE": str(binary)})


@pytest.mark.parametrize("misplaced", ["q7hunter22", "mongodb://u:q7hunter22@h", "/u:q7hunter22@h"])
def test_a_secret_in_the_place_of_its_file_is_not_repeated(misplaced: str) -> None:
    said = refusal(environ={"CDC_MONGO__PASSWORD_FILE": misplaced})
    assert said.startswith("CDC_MONGO__PASSWORD_FILE: its file cannot be read: No such file or directory | write the p")
    assert "q7hunter22" not in said


def test_a_uri_and_its_parts_are_both_named(tmp_path: Path) -> None:
    path = tmp_path / "cdc.yaml"
    path.write_text("mongo: {port: 5}", encoding="utf-8")
    said = refusal({"mongo.uri": "mongodb://h"}, config=path)
    assert f"--mongo-uri and 'mongo.port' in {path}: only one of them can say where MongoDB is" in said


@given(
    PASSWORD.filter(lambda password: "@" not in password),  # with one, the rest may be a host and the URI a good one
    st.sampled_from(["http://u:{}@h", "mongodb://u:{}@h:99999/?x=1", "mongodb://u:{}@h/?x=1", "mongodb://u:{}@/?x=1"]),
    st.sampled_from(["mongo.uri", "mongo.host", "kafka.bootstrap_servers"]),
)
def test_a_refused_uri_keeps_its_password(password: str, uri: str, setting: str) -> None:
    assert password not in refusal({setting: uri.format(password)})


@given(PASSWORD)
def test_a_refused_secret_is_not_repeated(password: str) -> None:
    assert password not in refusal({"mongo.password": password})
    assert password not in refusal({"kafka.properties": {"sasl.password": [password]}})
    assert password not in refusal({"kafka.properties": password})
    assert password not in refusal({"kafka.sasl_username": "u", "kafka.sasl_password": {password: password}})


@pytest.mark.parametrize(
    "line",
    [
        "password: *q7hunter22",
        "password: !q7hunter22 x",
        'password: "\\q7hunter22"',
        "uri mongodb://u:q7hunter22@h",
        "password: [q7hunter22]",
        "password: {q7hunter22: 1}",
    ],
)
def test_a_torn_file_keeps_its_password(tmp_path: Path, line: str) -> None:
    path = tmp_path / "cdc.yaml"
    path.write_text(f"mongo: {{{line}}}", encoding="utf-8")
    assert "q7hunter22" not in refusal(config=path)
