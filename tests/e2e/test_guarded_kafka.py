"""A Kafka with TLS, logins and access control: who is let in, what it takes, and what is said to the others."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from pymongo import MongoClient

from cdc.local import port
from tests.support import topic as topics
from tests.support import traces
from tests.support.certificates import EXPIRED, Authority, Certificate
from tests.support.child import cdc, running
from tests.support.endpoint import Endpoint
from tests.support.refusal import refusal
from tests.support.waiting import until

if TYPE_CHECKING:
    from cdc.local.stack import Stack

pytestmark = pytest.mark.servers

Client = MongoClient[dict[str, Any]]

PASSWORD = "q7hunter22Zk"  # noqa: S105 - of a broker that lives as long as its test
KEY_PASSWORD = "q7key33password"  # noqa: S105 - of a key that does
WRITER = "User:writer"
RIGHTS = (AclOperation.WRITE, AclOperation.CREATE, AclOperation.DESCRIBE_CONFIGS)
"""As the README has them."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A broker that lets `writer` in by password and by certificate, and everybody in at `plain`, as a superuser.

    `late` is a door whose certificate is out of date.
    """

    plain: str
    login: str
    mutual: str
    late: str
    ours: Authority
    theirs: Authority
    writer: Certificate

    def by_password(self, password: Path) -> dict[str, str]:
        return {
            "CDC_KAFKA__BOOTSTRAP_SERVERS": self.login,
            "CDC_KAFKA__SECURITY_PROTOCOL": "sasl_ssl",
            "CDC_KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
            "CDC_KAFKA__SASL_USERNAME": "writer",
            "CDC_KAFKA__SASL_PASSWORD_FILE": str(password),
            "CDC_KAFKA__SSL_CA_LOCATION": str(self.ours.path),
        }

    def by_certificate(self, password: Path) -> dict[str, str]:
        return {
            "CDC_KAFKA__BOOTSTRAP_SERVERS": self.mutual,
            "CDC_KAFKA__SECURITY_PROTOCOL": "ssl",
            "CDC_KAFKA__SSL_CA_LOCATION": str(self.ours.path),
            "CDC_KAFKA__SSL_CERTIFICATE_LOCATION": str(self.writer.path),
            "CDC_KAFKA__SSL_KEY_LOCATION": str(self.writer.key),
            "CDC_KAFKA__SSL_KEY_PASSWORD_FILE": str(password),
        }


def door(name: str, certificate: Certificate, authority: Authority) -> dict[str, str]:
    """Settings of a broker's listener."""
    own = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificate.both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.path),
    }
    return {f"listener.name.{name}.{setting}": value for setting, value in own.items()}


def users(admin: AdminClient) -> dict[str, Any]:
    """Those with a password."""
    asked: Any = admin.describe_user_scram_credentials()  # a future for all of them, or with names one for each
    found: dict[str, Any] = asked.result(20)
    return found


@pytest.fixture(scope="module")
def guarded(module_stack: "Callable[..., Stack]", tmp_path_factory: pytest.TempPathFactory) -> Guarded:
    folder = tmp_path_factory.mktemp("guarded")
    ours, theirs = Authority(folder / "ours"), Authority(folder / "theirs")
    server, late = ours.issue("server", "127.0.0.1"), ours.issue("late", "127.0.0.1", until=EXPIRED)
    first = port.free(5)
    names = ("PLAINTEXT", "CONTROLLER", "LOGIN", "MUTUAL", "LATE")
    addresses = {name: f"{port.HOST}:{first + place}" for place, name in enumerate(names)}
    settings = {
        "listeners": ",".join(f"{name}://{address}" for name, address in addresses.items()),
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_SSL,MUTUAL:SSL,LATE:SSL",
        **door("login", server, ours),
        **door("mutual", server, ours),
        **door("late", late, ours),
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.login.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.login.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "listener.name.mutual.ssl.principal.mapping.rules": "RULE:^CN=([^,]+),.*$/$1/",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    plain = module_stack(mongo_nodes=0, kafka_port=first, kafka_settings=settings).kafka
    scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    admin = AdminClient({"bootstrap.servers": plain})
    admin.alter_user_scram_credentials([UserScramCredentialUpsertion("writer", scram, PASSWORD.encode())])[
        "writer"
    ].result(20)
    until(lambda: "writer" in users(admin), what="the user")
    writer = ours.issue("writer", password=KEY_PASSWORD)
    return Guarded(plain, addresses["LOGIN"], addresses["MUTUAL"], addresses["LATE"], ours, theirs, writer)


@pytest.fixture
def passwords(tmp_path: Path) -> tuple[Path, Path]:
    """The files of the login's password and of the key's."""
    login, key = tmp_path / "password", tmp_path / "key-password"
    login.write_text(f"{PASSWORD}\n")
    key.write_text(KEY_PASSWORD)
    return login, key


def grant(guarded: Guarded, name: str, *rights: AclOperation, kind: ResourceType = ResourceType.TOPIC) -> None:
    """To the writer, on the topic of that name alone, or another resource."""
    admin = AdminClient({"bootstrap.servers": guarded.plain})
    where = (kind, name, ResourcePatternType.LITERAL)
    made = [AclBinding(*where, WRITER, "*", right, AclPermissionType.ALLOW) for right in rights]
    for done in admin.create_acls(made).values() if made else ():
        done.result(20)
    wanted = AclBindingFilter(*where, WRITER, "*", AclOperation.ANY, AclPermissionType.ANY)
    until(lambda: set(made) <= set(admin.describe_acls(wanted).result(20)), what="the rights")


@pytest.fixture
def env(servers: dict[str, str], database: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Of a pipeline without its Kafka."""
    cursors = tmp_path / "cursors"
    yield {
        "CDC_MONGO__URI": servers["CDC_MONGO__URI"],
        "CDC_MONGO__DATABASE": database,
        "CDC_CURSOR_DIR": str(cursors),
        "CDC_COLLECTION": "info",
    }
    assert not [text for text in traces.files(cursors) if PASSWORD in text or KEY_PASSWORD in text]


@pytest.mark.parametrize("way", ["password", "certificate"])
def test_records_arrive_by_tls_with_the_documented_rights_alone(
    guarded: Guarded, env: dict[str, str], mongo: Client, database: str, topic: str, passwords: tuple[Path, Path],
    tmp_path: Path, way: str,
) -> None:  # fmt: skip
    login, key = passwords
    env |= guarded.by_password(login) if way == "password" else guarded.by_certificate(key)
    for name in (topic, f"{topic}-dead", f"{topic}-ddl"):
        grant(guarded, name, *RIGHTS)
    mongo[database].info.insert_one({"_id": 1})
    args = ["--topic", topic, "--dead-letter-topic", f"{topic}-dead", "--ddl-topic", f"{topic}-ddl", "--debug"]
    with running("watch", *args, "--metrics-port", "0", env=env, log=tmp_path / "log") as child:
        endpoint = Endpoint(child)
        until(lambda: endpoint.ready()["code"] == 200, what="being ready")
        mongo[database].info.insert_one({"_id": 2})
        mongo[database].info.drop()
        until(lambda: topics.ends(guarded.plain, f"{topic}-ddl") or not child.alive, what="the drop")
        shown = cdc("config", "show", env=env).stdout
        seen = traces.left(child, tmp_path / "cursors") + shown
        assert child.stop() == 0, child.text
    assert [record.value["op"] for record in topics.read(guarded.plain, topic)] == ["read", "insert"]
    for secret in (PASSWORD, KEY_PASSWORD):
        assert secret not in seen + child.text
    assert "may not read the topic's configuration" not in child.text


def attempt(env: dict[str, str], topic: str, code: int) -> str:
    """What a run that cannot be is told, in one line and a hint that hold no secret."""
    done = cdc("watch", "--once", "--debug", "--topic", topic, "--startup-timeout", "0.5", env=env)
    said = refusal(done, code)
    assert PASSWORD not in done.stdout + done.stderr
    assert KEY_PASSWORD not in done.stdout + done.stderr
    return said


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        (
            {"SASL_PASSWORD_FILE": "", "SASL_PASSWORD": f"{PASSWORD}x"}, 2,
            "refuses the login (_AUTHENTICATION) | mend kafka.sasl_username, kafka.sasl_password, kafka.sasl_mechanism",
        ),
        ({"SASL_USERNAME": "nobody"}, 2, "refuses the login (_AUTHENTICATION) | mend kafka.sasl_username"),
        ({"SASL_MECHANISM": "PLAIN"}, 2, "refuses the login (_AUTHENTICATION) | mend kafka.sasl_username"),
        ({"SECURITY_PROTOCOL": "sasl_plaintext"}, 3, "is it running, and are --kafka and kafka.security_protocol rig"),
        ({"SSL_CA_LOCATION": "{theirs}"}, 3, "cannot be reached by TLS (_SSL, certificate verify failed) | mend the h"),
        ({"SSL_CA_LOCATION": "{password}"}, 2, "Kafka at 127.0.0.1:"),
        ({"BOOTSTRAP_SERVERS": "{localhost}"}, 3, "cannot be reached by TLS (_SSL, certificate verify failed) | mend"),
    ],
    ids=["password", "user", "mechanism", "no-tls", "authority", "no-pem", "host"],
)  # fmt: skip
def test_what_does_not_fit_a_login_is_one_line(
    guarded: Guarded,
    env: dict[str, str],
    topic: str,
    passwords: tuple[Path, Path],
    changes: dict[str, str],
    code: int,
    says: str,
) -> None:
    login, _ = passwords
    files = {
        "theirs": guarded.theirs.path,
        "password": login,
        "localhost": guarded.login.replace("127.0.0.1", "localhost"),
    }
    changed = {f"CDC_KAFKA__{name}": value.format(**files) for name, value in changes.items()}
    first_ipv4 = {"CDC_KAFKA__PROPERTIES": json.dumps({"broker.address.family": "v4"})}
    assert says in attempt(env | guarded.by_password(login) | first_ipv4 | changed, topic, code)


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        (
            {"SSL_CERTIFICATE_LOCATION": "", "SSL_KEY_LOCATION": "", "SSL_KEY_PASSWORD_FILE": ""}, 3,
            "ssl/tls alert bad certificate) | mend the host in --kafka, kafka.ssl_ca_location or kafka.ssl_cert",
        ),
        ({"SSL_CERTIFICATE_LOCATION": "{stranger.path}", "SSL_KEY_LOCATION": "{stranger.key}"}, 3, "reached by TLS ("),
        ({"SSL_CERTIFICATE_LOCATION": "{late.path}", "SSL_KEY_LOCATION": "{late.key}"}, 3, "reached by TLS ("),
        ({"SSL_KEY_PASSWORD_FILE": "", "SSL_KEY_PASSWORD": "wrong"}, 2, "Kafka at 127.0.0.1:"),
        ({"SSL_KEY_PASSWORD_FILE": ""}, 2, "Kafka at 127.0.0.1:"),
        ({"BOOTSTRAP_SERVERS": "{guarded.late}"}, 3, "cannot be reached by TLS (_SSL, certificate verify failed) | m"),
    ],
    ids=["none", "stranger", "late", "key-password", "no-key-password", "late-broker"],
)  # fmt: skip
def test_what_does_not_fit_a_certificate_is_one_line(
    guarded: Guarded,
    env: dict[str, str],
    topic: str,
    passwords: tuple[Path, Path],
    changes: dict[str, str],
    code: int,
    says: str,
) -> None:
    known = {
        "stranger": guarded.theirs.issue("stranger", password=KEY_PASSWORD),
        "late": guarded.ours.issue("late-writer", until=EXPIRED, password=KEY_PASSWORD),
        "guarded": guarded,
    }
    changed = {f"CDC_KAFKA__{name}": value.format(**known) for name, value in changes.items()}
    assert says in attempt(env | guarded.by_certificate(passwords[1]) | changed, topic, code)


@pytest.mark.parametrize("missing", [AclOperation.WRITE, AclOperation.CREATE])
def test_a_right_that_is_missing_is_one_line(
    guarded: Guarded, env: dict[str, str], mongo: Client, database: str, topic: str, passwords: tuple[Path, Path],
    missing: AclOperation,
) -> None:  # fmt: skip
    grant(guarded, topic, *(right for right in RIGHTS if right is not missing))
    mongo[database].info.insert_one({"_id": 1})
    said = attempt(env | guarded.by_password(passwords[0]), topic, 2)
    assert f"Kafka at {guarded.login}" in said
    assert "_AUTHORIZATION_FAILED) | grant its user Write" in said


def test_exactly_once_needs_the_documented_rights_and_no_more(
    guarded: Guarded, env: dict[str, str], mongo: Client, database: str, topic: str, passwords: tuple[Path, Path]
) -> None:
    env |= guarded.by_password(passwords[0]) | {"CDC_NAME": topic, "CDC_GUARANTEE": "exactly-once"}
    cursors = env["CDC_CURSOR_TOPIC"] = f"{topic}-cursors"
    mongo[database].info.insert_one({"_id": 1})
    for name in (topic, cursors):
        grant(guarded, name, *RIGHTS)
    said = attempt(env, topic, 2)
    assert "refuses access (TRANSACTIONAL_ID_AUTHORIZATION_FAILED) | grant its user Write on the transactional" in said
    grant(guarded, topic, AclOperation.WRITE, kind=ResourceType.TRANSACTIONAL_ID)
    said = attempt(env, topic, 2)
    assert f"topic {cursors!r} refuses access (TOPIC_AUTHORIZATION_FAILED) | grant its user Write" in said
    grant(guarded, cursors, AclOperation.READ)
    for _ in range(2):
        done = cdc("watch", "--once", "--topic", topic, env=env)
        assert done.returncode == 0, done.stderr
    assert [record.value["key"] for record in topics.committed(guarded.plain, topic)] == [{"_id": 1}]


def test_a_topic_whose_configuration_is_secret_is_made_and_written_to(
    guarded: Guarded, env: dict[str, str], mongo: Client, database: str, topic: str, passwords: tuple[Path, Path]
) -> None:
    grant(guarded, topic, AclOperation.WRITE, AclOperation.CREATE)
    mongo[database].info.insert_one({"_id": 1})
    for _ in range(2):
        done = cdc("watch", "--once", "--topic", topic, env=env | guarded.by_password(passwords[0]))
        assert done.returncode == 0, done.stderr
        assert "may not read the topic's configuration; taken as not compacted" in done.stderr
    assert topics.ends(guarded.plain, topic) == 1
