"""What Kafka's error codes mean to the loop.

By our own table, not by `KafkaError.retriable()`: a dead broker ends as `_MSG_TIMED_OUT` with retriable() False.
"""

from confluent_kafka import KafkaError

from cdc.errors import AccessDenied, CdcError, ConfigInvalid, Fenced, SinkUnreachable, TooLarge, Unencodable

TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
REJECTED = frozenset({KafkaError.INVALID_RECORD, KafkaError.INVALID_MSG})
DENIED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - librdkafka's local codes have a leading underscore
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
FENCED = frozenset({KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED})  # noqa: SLF001


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
    if code in DENIED:
        return AccessDenied(
            f"{what} refuses access ({error.name()})",
            hint="mend the kafka.security settings or grant Write, Create, Describe",
        )
    if code in MISFIT:
        return ConfigInvalid(f"{what}: {error.str()}", hint="mend the kafka settings; `cdc config show` prints them")
    if code in FENCED:
        return Fenced(f"{what}: another producer took over ({error.name()})", hint="run one instance of a name")
    return SinkUnreachable(f"{what} cannot be reached ({error.name()})", hint="is it running, and is --kafka right?")
