"""What Kafka's error codes mean to the loop.

By our own table, not by `KafkaError.retriable()`: a dead broker ends as `_MSG_TIMED_OUT` with retriable() False.
"""

import re

from confluent_kafka import KafkaError

from cdc.errors import AccessDenied, CdcError, ConfigInvalid, Fenced, SinkUnreachable, TooLarge, Unencodable

TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
REJECTED = frozenset({KafkaError.INVALID_RECORD, KafkaError.INVALID_MSG})
LOGIN = frozenset(
    {
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - librdkafka's local codes have a leading underscore
    }
)
DENIED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
MISFIT = frozenset(
    {
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.POLICY_VIOLATION,
        KafkaError.INVALID_CONFIG,
        KafkaError.INVALID_PARTITIONS,
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.INVALID_REQUIRED_ACKS,
        KafkaError._INVALID_ARG,  # noqa: SLF001
    }
)
ONE_INSTANCE = "run one instance of a name"
FENCED = frozenset({KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED})  # noqa: SLF001
UNTRUSTED = "certificate verify failed"
"""OpenSSL's words where we do not trust the broker: librdkafka tells it by `_SSL`, or at times by `_TRANSPORT`."""
SILENT = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})  # noqa: SLF001


def translate(error: KafkaError, *, hosts: str, topic: str | None = None) -> CdcError:
    """The error in our taxonomy; what is not in the table is tried again, since trying again loses nothing."""
    code = error.code()
    what = f"Kafka at {hosts}" + (f", topic {topic!r}" if topic else "")
    if code in TOO_LARGE:
        return TooLarge(
            f"{what}: a record is larger than the broker takes",
            hint="raise the topic's max.message.bytes, or set --dead-letter-topic",
        )
    if code in REJECTED:
        return Unencodable(f"{what}: the broker refuses a record ({error.name()})", hint="set --dead-letter-topic")
    if refused(error):
        return _denied(error, what)
    if code in MISFIT:
        return ConfigInvalid(f"{what}: {error.str()}", hint="mend the kafka settings; `cdc config show` prints them")
    if code in FENCED:
        return Fenced(f"{what}: another producer took over ({error.name()})", hint=ONE_INSTANCE)
    return _unreachable(error, what)


def refused(error: KafkaError) -> bool:
    """Whether the broker knows us and says no."""
    return error.code() in LOGIN or error.code() in DENIED


def telling(error: KafkaError) -> bool:
    """Whether the error says more than that nobody answers, which whoever asks learns anyway."""
    return error.code() not in SILENT or _tls_words(error) is not None


def _denied(error: KafkaError, what: str) -> AccessDenied:
    if error.code() in LOGIN:
        return AccessDenied(
            f"{what} refuses the login ({error.name()})",
            hint="mend kafka.sasl_username, kafka.sasl_password, kafka.sasl_mechanism or kafka.security_protocol",
        )
    grant = "Write and Describe on the topic, and Create where it is to be made; Read, too, where it holds cursors"
    if error.code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        grant = "Write on the transactional id, which is the pipeline's name"
    return AccessDenied(f"{what} refuses access ({error.name()})", hint=f"grant its user {grant}")


def _unreachable(error: KafkaError, what: str) -> SinkUnreachable:
    words = _tls_words(error)
    if words is None and error.code() != KafkaError._SSL:  # noqa: SLF001
        return SinkUnreachable(
            f"{what} cannot be reached ({error.name()})",
            hint="is it running, and are --kafka and kafka.security_protocol right?",
        )
    name = "_SSL" if words == UNTRUSTED else error.name()
    said = ", ".join(filter(None, (name, words)))
    return SinkUnreachable(
        f"{what} cannot be reached by TLS ({said})",
        hint="mend the host in --kafka, kafka.ssl_ca_location or kafka.ssl_certificate_location, or its certificate",
    )


def _tls_words(error: KafkaError) -> str | None:
    """OpenSSL's own words for what failed, where it did: they tell apart what librdkafka has one code for."""
    found = re.search(r"error:[0-9A-Fa-f]+:[^:]*:[^:]*:([\w/ ]+)", error.str())
    return found[1].strip() if found else None
