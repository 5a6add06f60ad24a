"""Where the records go: Kafka's address, its security, and how the producer batches."""

import re
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FilePath,
    SecretStr,
    model_validator,
)

from cdc.config.misfit import MisfitError, quoted
from cdc.config.values import Lower, Table

_MIB = 1024 * 1024
_LARGEST_RECORD = 64 * _MIB
_ADDRESS = r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})"
_HIGHEST_PORT = 65535
_RECONNECT_MS = 20

# librdkafka's names: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
_SECURITY = {
    "security_protocol": "security.protocol",
    "sasl_mechanism": "sasl.mechanism",
    "sasl_username": "sasl.username",
    "sasl_password": "sasl.password",
    "ssl_ca_location": "ssl.ca.location",
    "ssl_certificate_location": "ssl.certificate.location",
    "ssl_key_location": "ssl.key.location",
    "ssl_key_password": "ssl.key.password",
}
_CONNECTION_PROPERTIES = (
    "api.version.",
    "broker.",
    "client.",
    "connections.",
    "enable.ssl.",
    "enable.sasl.",
    "https.",
    "metadata.",
    "reconnect.",
    "sasl.",
    "security.",
    "socket.",
    "ssl.",
    "topic.metadata.",
)
_REFUSED = {
    "acks": "use kafka.acks, which knows what the guarantee needs",
    "request.required.acks": "use kafka.acks, which knows what the guarantee needs",
    "batch.size": "use kafka.batch_size",
    "bootstrap.servers": "use kafka.bootstrap_servers",
    "metadata.broker.list": "use kafka.bootstrap_servers",
    "client.id": "use name: the client's id is the pipeline's name",
    "compression.codec": "use kafka.compression",
    "compression.type": "use kafka.compression",
    "default.topic.config": "write each of its properties by its own name",
    "delivery.report.only.error": "every record's acknowledgement is needed to know what is safe",
    "enable.idempotence": "use kafka.idempotence",
    "linger.ms": "use kafka.linger_ms",
    "message.max.bytes": "use kafka.buffer_bytes, which bounds the largest record too",
    "queue.buffering.max.kbytes": "use kafka.buffer_bytes",
    "queue.buffering.max.messages": "use kafka.buffer_bytes: memory is bounded in bytes",
    "queue.buffering.max.ms": "use kafka.linger_ms",
    "retries": "use kafka.retries",
    "transactional.id": "records are not sent in transactions",
}
_WITHOUT_DOT = ("debug", "partitioner")
_ONE_BY_ONE = ("max.in.flight", "max.in.flight.requests.per.connection")
_MASKED_PROPERTIES = r"pass(word|phrase)|secret|token|jaas|\.pem$|sasl\.oauthbearer\.config"


def _servers(value: object) -> object:
    servers = value.split(",") if isinstance(value, str) else value
    if not isinstance(servers, list | tuple) or not servers:
        raise MisfitError(f"{quoted(value)} is not a list of servers", hint="write host:port, or several with commas")
    for server in servers:
        found = re.fullmatch(_ADDRESS, server.strip()) if isinstance(server, str) else None
        if not found or not 0 < int(found[1]) <= _HIGHEST_PORT:
            raise MisfitError(
                f"{quoted(server)} is not host:port",
                hint="write host:port, or several with commas: kafka-1:9092,kafka-2:9092",
            )
    return ",".join(server.strip() for server in servers)


def _acks(value: object) -> object:
    """Kafka writes `all` as -1 too; none at all would break the guarantee."""
    text = str(value).lower()
    if text == "0":
        raise MisfitError(
            "0 would lose records: what Kafka does not acknowledge cannot be known to have arrived",
            hint="write all, or 1 with kafka.idempotence false",
        )
    return "all" if text == "-1" else text


def _replicas(value: int) -> int:
    if value == 0 or value < -1:
        raise MisfitError(f"{value} is not a count", hint="write a count of at least 1, or -1 for the broker's default")
    return value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def is_secret_property(name: str) -> bool:
    """Whether a librdkafka property holds a secret, by its name."""
    return bool(re.search(_MASKED_PROPERTIES, name))


Count = Annotated[int, AfterValidator(_replicas)]
# The most that librdkafka's NewTopic takes.
_MOST_PARTITIONS = 100_000
_MOST_REPLICAS = 10_000


class KafkaSettings(BaseModel):
    """Kafka and its producer."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={
            "patternProperties": {
                r"\.": {
                    "type": ["string", "number", "boolean"],
                    "description": "A librdkafka property by its own name.",
                }
            }
        },
    )

    bootstrap_servers: Annotated[str, BeforeValidator(_servers, json_schema_input_type=str | list[str])] = Field(
        "127.0.0.1:9092", description="Kafka servers to begin with: host:port, several with commas."
    )
    compression: Literal["lz4", "none", "gzip", "snappy", "zstd"] = Field(
        "lz4", description="How batches are compressed."
    )
    retries: int | None = Field(
        None, ge=0, le=2147483647, description="Most times a batch is sent again; by default without end."
    )
    acks: Annotated[Literal["all", "1"], BeforeValidator(_acks, json_schema_input_type=Literal["all", "1", -1, 1])] = (
        Field("all", description="Who acknowledges a record: all in-sync replicas, or the leader alone (1).")
    )
    idempotence: bool = Field(default=True, description="Let the broker drop what a retry sends twice; needs acks=all.")
    batch_size: int = Field(1_000_000, ge=1, le=2147483647, description="Largest batch, in bytes.")
    linger_ms: float = Field(
        5, ge=0, le=900000, description="How long a batch waits to fill while more is at hand, in milliseconds."
    )
    buffer_bytes: int = Field(
        32 * _MIB,
        ge=_MIB,
        le=2048 * _MIB,
        description="Most bytes of records waiting for Kafka; also the largest record, up to 64 MiB.",
    )
    security_protocol: Annotated[Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"], Lower] | None = Field(
        None, description="How the connection is secured; by default not at all."
    )
    sasl_mechanism: (
        Annotated[Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "OAUTHBEARER"], BeforeValidator(_upper)]
        | None
    ) = Field(None, description="How to log in.")
    sasl_username: str | None = Field(None, description="User to log in as.")
    sasl_password: SecretStr | None = Field(None, description="The user's password.")
    ssl_ca_location: FilePath | None = Field(None, description="PEM file of the authorities to trust.")
    ssl_certificate_location: FilePath | None = Field(None, description="PEM file of our certificate.")
    ssl_key_location: FilePath | None = Field(None, description="PEM file of our certificate's key.")
    ssl_key_password: SecretStr | None = Field(None, description="Password of that key.")
    partitions: Count = Field(
        -1, le=_MOST_PARTITIONS, description="Partitions of a topic that is created; -1: the broker's default."
    )
    replication_factor: Count = Field(
        -1, le=_MOST_REPLICAS, description="Replicas of a topic that is created; -1: the broker's default."
    )
    topic_config: Table = Field(
        default_factory=dict, description="Settings of a topic that is created, such as cleanup.policy: compact."
    )
    properties: Table = Field(
        default_factory=dict,
        repr=False,  # some of them are secrets
        description="Any librdkafka property by its own name; in the file, any key of `kafka` with a dot in it.",
    )

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.idempotence and self.acks != "all":
            raise MisfitError(
                "idempotence needs acks=all",
                hint="write acks all, or idempotence false",
                settings=("kafka.acks", "kafka.idempotence"),
            )
        if self.idempotence and self.retries == 0:
            raise MisfitError(
                "idempotence needs retries",
                hint="leave retries out, or write idempotence false",
                settings=("kafka.retries", "kafka.idempotence"),
            )
        self._check_login()
        self._check_properties()
        return self

    def _check_login(self) -> None:
        if (self.sasl_username is None) != (self.sasl_password is None):
            raise MisfitError(
                "one needs the other",
                hint="give both, or neither",
                settings=("kafka.sasl_username", "kafka.sasl_password"),
            )
        sasl = (self.security_protocol or "").startswith("sasl_")
        if self.sasl_mechanism and not sasl:
            raise MisfitError(
                "a login needs a protocol that has one",
                hint="set kafka.security_protocol to sasl_ssl or sasl_plaintext",
                settings=("kafka.sasl_mechanism", "kafka.security_protocol"),
            )
        if (sasl or self.sasl_username) and not self.sasl_mechanism and not self._has_property("sasl.mechanism"):
            raise MisfitError(
                "missing",
                hint="set kafka.sasl_mechanism to PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or OAUTHBEARER",
                settings=("kafka.sasl_mechanism",),
            )

    def _has_property(self, prefix: str) -> bool:
        return any(name.startswith(prefix) for name in self.properties)

    def _check_properties(self) -> None:
        for name, value in self.properties.items():
            if name in _REFUSED:
                raise MisfitError(f"{name} is not for you to set", hint=_REFUSED[name], settings=("kafka.properties",))
            if "." not in name and name not in _WITHOUT_DOT:
                raise MisfitError(
                    f"{quoted(name)} is not a property that can be set",
                    hint=f"a property's name has a dot in it, but for {' and '.join(_WITHOUT_DOT)}",
                    settings=("kafka.properties",),
                )
            if name in _ONE_BY_ONE and not self.idempotence:
                raise MisfitError(
                    f"{name} must stay 1 without idempotence, or a retry breaks the order of a key",
                    hint="leave it out, or write kafka.idempotence true",
                    settings=("kafka.properties",),
                )
            if name == "partitioner" and value == "random":
                raise MisfitError(
                    "partitioner random would spread a document's records over partitions",
                    hint="write murmur2_random, consistent_random or fnv1a_random",
                    settings=("kafka.properties",),
                )

    def client_config(self, client_id: str) -> dict[str, str]:
        """Properties of any client (admin, consumer), by librdkafka's names: address and login; holds secrets.

        A client connects to one server after another, half of `reconnect.backoff.ms` between them, and always to two
        before its first request: the one it was told of, and the same one as that calls itself.
        """
        config = {
            "bootstrap.servers": self.bootstrap_servers,
            "client.id": client_id,
            "reconnect.backoff.ms": str(_RECONNECT_MS),
        }
        for field, name in _SECURITY.items():
            value = getattr(self, field)
            if value is not None:
                config[name] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        shared = {
            name: value for name, value in self.properties.items() if f"{name}.".startswith(_CONNECTION_PROPERTIES)
        }
        return config | shared

    def producer_config(self, client_id: str) -> dict[str, str]:
        """Properties of `confluent_kafka.Producer`, by librdkafka's names; holds secrets.

        A record is never given up for its age (`message.timeout.ms` 0): a gap would break the order of its key. One
        that can never fit the buffer is refused as too large. The partitioner is that of Java's clients.
        """
        kib = self.buffer_bytes // 1024
        config = {
            "enable.idempotence": str(self.idempotence).lower(),
            "acks": self.acks,
            "compression.type": self.compression,
            "batch.size": str(self.batch_size),
            "linger.ms": str(self.linger_ms),
            "queue.buffering.max.kbytes": str(kib),
            "message.max.bytes": str(min(_LARGEST_RECORD, kib * 1024)),
            "message.timeout.ms": "0",
            "partitioner": "murmur2_random",
        }
        if self.retries is not None:
            config["retries"] = str(self.retries)
        if not self.idempotence:
            config["max.in.flight.requests.per.connection"] = "1"  # I4
        return self.client_config(client_id) | config | self.properties
