"""What the errors of MongoDB and Kafka mean to the loop, by their codes."""

from typing import Any

import pytest
from confluent_kafka import KafkaError
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    DocumentTooLarge,
    ExecutionTimeout,
    InvalidOperation,
    InvalidURI,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from cdc.config import MongoSettings
from cdc.errors import (
    AccessDenied,
    CdcError,
    ConfigInvalid,
    Fenced,
    HistoryLost,
    SinkUnreachable,
    SourceUnreachable,
    TooLarge,
    Unencodable,
)
from cdc.kafka import errors as kafka_errors
from cdc.source import mongo

MONGO = MongoSettings.model_validate({"uri": "mongodb://u:q7hunter22@h.example.net:5/shop"})
WORDS = "words of the server with q7hunter22"


def failure(code: int, *labels: str) -> OperationFailure:
    details: dict[str, Any] = {"codeName": f"Code{code}", "errmsg": WORDS, "errorLabels": list(labels)}
    return OperationFailure(WORDS, code, details)


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        *((code, AccessDenied) for code in (11, 13, 18, 8000)),
        *((code, HistoryLost) for code in (260, 280, 286)),
        *((code, SourceUnreachable) for code in (6, 7, 43, 50, 89, 91, 133, 136, 189, 262, 9001, 10107, 11600, 13435)),
        (40573, ConfigInvalid),
        (73, ConfigInvalid),
        (166, ConfigInvalid),
        (10334, TooLarge),
    ],
)
def test_a_refusal_of_mongodb_by_its_code(code: int, meaning: type[CdcError]) -> None:
    ours = mongo.translate(failure(code), MONGO)
    assert type(ours) is meaning
    assert "q7hunter22" not in f"{ours}{ours.hint}"
    assert "\n" not in f"{ours}{ours.hint}"


def test_the_label_of_a_resumable_error_counts_whatever_its_code() -> None:
    assert mongo.translate(failure(12345), MONGO) is None
    assert isinstance(mongo.translate(failure(12345, "ResumableChangeStreamError"), MONGO), SourceUnreachable)


@pytest.mark.parametrize("code", [260, 280, 286])
def test_a_lost_history_is_lost_even_if_it_is_called_resumable(code: int) -> None:
    assert isinstance(mongo.translate(failure(code, "ResumableChangeStreamError"), MONGO), HistoryLost)


@pytest.mark.parametrize("code", [2, 9, 15, 40324, 16554, 17313, 51091, 5626500])
def test_a_refused_filter_is_the_users_only_where_there_is_one(code: int) -> None:
    ours = mongo.translate(failure(code), MONGO, filtered_by="--match")
    assert isinstance(ours, ConfigInvalid)
    assert str(ours).startswith("--match: ")
    assert mongo.translate(failure(code), MONGO) is None


@pytest.mark.parametrize("running", ["PlanExecutor error during aggregation", "Executor error during getMore"])
def test_what_a_filter_met_in_a_document_is_not_repeated(running: str) -> None:
    met = f"{running} :: caused by :: {WORDS}"
    error = OperationFailure(met, 241, {"codeName": "ConversionFailure", "errmsg": met})
    assert (
        str(mongo.translate(error, MONGO, filtered_by="--match")) == "--match: the server refuses it: ConversionFailure"
    )


def test_a_name_that_dns_does_not_find_now_may_be_found_later() -> None:
    settings = MongoSettings.model_validate({"uri": "mongodb+srv://u:q7hunter22@nowhere.invalid/"})
    with pytest.raises(SourceUnreachable, match=r"nowhere\.invalid cannot be resolved") as caught:
        mongo.connect(settings, app="a").admin.command("ping")
    assert "q7hunter22" not in f"{caught.value}{caught.value.hint}"


def test_an_unreachable_server_comes_with_the_class_and_the_number_of_the_first_failure() -> None:
    settings = MongoSettings.model_validate({"uri": "mongodb://127.0.0.1:1", "server_selection_timeout_ms": 100})
    with pytest.raises(SourceUnreachable) as caught, mongo.connect(settings, app="a") as client:
        mongo.Server.of(client, settings)
    assert str(caught.value) == "MongoDB at 127.0.0.1:1 cannot be reached (AutoReconnect, Errno 111)"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"uri": "mongodb://h/?minPoolSize=5&maxPoolSize=2"}, "the options for MongoDB at h:27017 do not fit: minPool"),
        ({"tls": True, "tls_ca_file": __file__}, "the TLS files for MongoDB at 127.0.0.1:27017 do not fit: "),
    ],
)
def test_options_that_the_client_refuses_are_the_users(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        mongo.connect(MongoSettings.model_validate(settings), app="a")
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "meaning", "says"),
    [
        (ServerSelectionTimeoutError(WORDS), SourceUnreachable, "MongoDB at h.example.net:5 cannot be reached"),
        (AutoReconnect(WORDS), SourceUnreachable, "MongoDB at h.example.net:5 closed the connection"),
        (NetworkTimeout(WORDS), SourceUnreachable, "h.example.net:5"),
        (NotPrimaryError(WORDS), SourceUnreachable, "h.example.net:5"),
        (ExecutionTimeout(WORDS, 50), SourceUnreachable, "MongoDB at h.example.net:5 ended the stream (50)"),
        (ConfigurationError("an option"), ConfigInvalid, "for MongoDB at h.example.net:5 do not fit: an option"),
        (InvalidURI("a URI"), ConfigInvalid, "options for MongoDB at h.example.net:5 do not fit: a URI"),
        (DocumentTooLarge(WORDS), TooLarge, "larger than the server takes"),
    ],
)
def test_an_error_of_the_client_by_its_class(error: PyMongoError, meaning: type[CdcError], says: str) -> None:
    ours = mongo.translate(error, MONGO)
    assert type(ours) is meaning
    assert says in str(ours)
    assert "q7hunter22" not in f"{ours}{ours.hint}"


@pytest.mark.parametrize(
    ("failure", "reason", "hint"),
    [
        (
            (
                'AutoReconnect("SSL handshake failed: h:5: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: '
                "Hostname mismatch, certificate is not valid for 'h'. (_ssl.c:1006) "
                '(configured timeouts: socketTimeoutMS: 20000.0ms)")'
            ),
            "(AutoReconnect, SSL: CERTIFICATE_VERIFY_FAILED, Hostname mismatch, certificate is not valid for 'h')",
            "mongo.tls_ca_file",
        ),
        (
            (
                "AutoReconnect('h:5: [SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required "
                "(_ssl.c:2580)')"
            ),
            "(AutoReconnect, SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED, tlsv13 alert certificate required)",
            "mongo.tls_certificate_key_file",
        ),
        ("AutoReconnect('h:5: connection closed')", "(AutoReconnect)", "does it want TLS (mongo.tls)"),
        ("AutoReconnect('h:5: [Errno 104] Connection reset by peer')", "(AutoReconnect, Errno 104)", "does it want"),
        ("AutoReconnect('h:5: [Errno 111] Connection refused')", "(AutoReconnect, Errno 111)", "is it running"),
        ("NetworkTimeout('h:5: timed out')", "(NetworkTimeout)", "is it running"),
    ],
)
def test_an_unreachable_server_comes_with_what_tls_says(failure: str, reason: str, hint: str) -> None:
    described = f"<ServerDescription ('h', 5) server_type: Unknown, rtt: None, error={failure}>]>"
    ours = mongo.translate(ServerSelectionTimeoutError(f"h:5: words, Timeout: 5s, [{described}"), MONGO)
    assert isinstance(ours, SourceUnreachable)
    assert str(ours) == f"MongoDB at h.example.net:5 cannot be reached {reason}"
    assert hint in ours.hint


def test_a_misuse_of_the_client_is_a_bug_and_stays_one() -> None:
    error = InvalidOperation("a cursor was used twice")
    assert mongo.translate(error, MONGO) is None
    with pytest.raises(InvalidOperation) as caught, mongo.translated(MONGO):
        raise error
    assert caught.value is error


def test_a_translated_error_keeps_its_cause() -> None:
    error = failure(13)
    with pytest.raises(AccessDenied) as caught, mongo.translated(MONGO):
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("MSG_SIZE_TOO_LARGE", TooLarge),
        ("RECORD_LIST_TOO_LARGE", TooLarge),
        ("INVALID_RECORD", Unencodable),
        ("INVALID_MSG", Unencodable),
        ("TOPIC_AUTHORIZATION_FAILED", AccessDenied),
        ("CLUSTER_AUTHORIZATION_FAILED", AccessDenied),
        ("SASL_AUTHENTICATION_FAILED", AccessDenied),
        ("UNSUPPORTED_SASL_MECHANISM", AccessDenied),
        ("_AUTHENTICATION", AccessDenied),
        ("_SSL", SinkUnreachable),
        ("TOPIC_EXCEPTION", ConfigInvalid),
        ("POLICY_VIOLATION", ConfigInvalid),
        ("INVALID_REPLICATION_FACTOR", ConfigInvalid),
        ("_INVALID_ARG", ConfigInvalid),
        ("_FENCED", Fenced),
        ("INVALID_PRODUCER_EPOCH", Fenced),
        ("_MSG_TIMED_OUT", SinkUnreachable),
        ("_TRANSPORT", SinkUnreachable),
        ("_ALL_BROKERS_DOWN", SinkUnreachable),
        ("_PURGE_QUEUE", SinkUnreachable),
        ("NOT_ENOUGH_REPLICAS", SinkUnreachable),
        ("LEADER_NOT_AVAILABLE", SinkUnreachable),
        ("UNKNOWN_TOPIC_OR_PART", SinkUnreachable),
    ],
)
@pytest.mark.parametrize("retriable", [True, False])
def test_an_error_of_kafka_by_its_code_and_not_by_what_it_says_of_itself(
    name: str, meaning: type[CdcError], *, retriable: bool
) -> None:
    code: int = getattr(KafkaError, name)
    ours = kafka_errors.translate(KafkaError(code, retriable=retriable), hosts="k.example.net:9092", topic="orders")
    assert type(ours) is meaning
    assert "Kafka at k.example.net:9092, topic 'orders'" in str(ours)
    assert ours.hint


@pytest.mark.parametrize(
    ("name", "said", "reason"),
    [
        ("_SSL", "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate …",
         "cannot be reached by TLS (_SSL, certificate verify failed)"),
        ("_TRANSPORT", "Receive failed: error:0A000086:SSL routines::certificate verify failed (after 9ms)",
         "cannot be reached by TLS (_SSL, certificate verify failed)"),
        ("_TRANSPORT", "Receive failed: error:0A00045C:SSL routines::tlsv13 alert certificate required (after 1ms)",
         "cannot be reached by TLS (_TRANSPORT, tlsv13 alert certificate required)"),
        ("_TRANSPORT", "Receive failed: error:0A000412:SSL routines::ssl/tls alert bad certificate: SSL alert 42",
         "cannot be reached by TLS (_TRANSPORT, ssl/tls alert bad certificate)"),
        ("_SSL", "something else", "cannot be reached by TLS (_SSL)"),
        ("_TRANSPORT", "Connect to ipv4#127.0.0.1:1 failed: Connection refused", "cannot be reached (_TRANSPORT)"),
    ],
)  # fmt: skip
def test_what_tls_says_of_kafka_is_passed_on(name: str, said: str, reason: str) -> None:
    error = KafkaError(getattr(KafkaError, name), said)
    ours = kafka_errors.translate(error, hosts="k:9092")
    assert str(ours) == f"Kafka at k:9092 {reason}"
    assert ("TLS" in reason) is ("kafka.ssl_ca_location" in ours.hint)
    assert kafka_errors.telling(error) is ("TLS" in reason)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("SASL_AUTHENTICATION_FAILED", "kafka.sasl_password"),
        ("_AUTHENTICATION", "kafka.security_protocol"),
        ("TOPIC_AUTHORIZATION_FAILED", "grant its user Write"),
        ("TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "grant its user Write"),
    ],
)
def test_a_refused_login_names_its_settings_and_a_missing_right_what_to_grant(name: str, hint: str) -> None:
    ours = kafka_errors.translate(KafkaError(getattr(KafkaError, name)), hosts="k:9092")
    assert isinstance(ours, AccessDenied)
    assert hint in ours.hint
