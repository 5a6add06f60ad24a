"""A MongoDB with TLS and users: who is let in, what it takes, and what is said to the others."""

import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pymongo import MongoClient

from tests.support import topic as topics
from tests.support import traces
from tests.support.certificates import EXPIRED, Authority, Certificate
from tests.support.child import cdc, running
from tests.support.endpoint import Endpoint
from tests.support.impostor import showing
from tests.support.refusal import refusal
from tests.support.waiting import until

if TYPE_CHECKING:
    from cdc.local.stack import Stack

pytestmark = pytest.mark.servers

Client = MongoClient[dict[str, Any]]

PASSWORD = "q7hunter22Zk"  # noqa: S105 - of a server that lives as long as its test
KEY_PASSWORD = "q7key33password"  # noqa: S105 - of a key that does
CONTENT = "content-of-a-document"
DOCUMENTS = 25_000
"""More than a chunk, so that the server is asked for samples."""

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
ROLE = json.loads(re.findall(r"createRole\((\{.*?\n\})\)", README, re.DOTALL)[0])
RIGHTS = ROLE["privileges"][0]["actions"]
CURSORS = json.loads(re.findall(r'`(\{"resource": .*?"cursors".*?\})`', README)[0])["actions"]
"""As the README has them, too."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """`ours` has signed the server's certificate and `reader`, `theirs` nobody that it knows."""

    address: str
    root: Client
    ours: Authority
    theirs: Authority
    reader: Certificate

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def x509(self, certificate: Certificate) -> dict[str, str]:
        """The environment in which `cdc` logs in by a certificate alone."""
        return {
            "CDC_MONGO__URI": f"mongodb://{self.address}/?authMechanism=MONGODB-X509&replicaSet=rs0",
            "CDC_MONGO__TLS_CA_FILE": str(self.ours.path),
            "CDC_MONGO__TLS_CERTIFICATE_KEY_FILE": str(certificate.both),
            "CDC_MONGO__SERVER_SELECTION_TIMEOUT_MS": "2000",
        }


@dataclass(frozen=True, slots=True)
class Shop:
    """A database, and the environment in which `cdc` logs in as a user with rights on it alone."""

    name: str
    env: dict[str, str]


def guards(authority: Authority, **others: str | bool) -> dict[str, Any]:
    """Settings of a mongod."""
    return {
        "net.tls.mode": "preferTLS",
        "net.tls.CAFile": str(authority.path),
        "net.tls.certificateKeyFile": str(authority.issue("server", "127.0.0.1").both),
        **others,
    }


@pytest.fixture(scope="module")
def guarded(module_stack: "Callable[..., Stack]", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "key").write_text("c2VjcmV0LW9mLXRoZS1tZW1iZXJz")
    (folder / "key").chmod(0o600)
    ours, theirs = Authority(folder / "ours"), Authority(folder / "theirs")
    users = {"security.authorization": "enabled", "security.keyFile": str(folder / "key")}
    lenient = {"net.tls.allowConnectionsWithoutCertificates": True}
    server = module_stack(brokers=0, mongo_settings={**guards(ours), **users, **lenient}).mongo[0]
    with Client(server.uri) as client:  # the first user may be made without being one
        client.admin.command({"createUser": "root", "pwd": PASSWORD, "roles": ["root"]})
    with Client(server.uri, username="root", password=PASSWORD, tlsCAFile=str(ours.path)) as root:
        root.admin.command({"setParameter": 1, "tlsMode": "requireTLS"})
        yield Guarded(server.address, root, ours, theirs, ours.issue("reader", password=KEY_PASSWORD))


def grant(guarded: Guarded, database: str, privileges: list[dict[str, Any]]) -> None:
    """Make the documented role on a database, of that name and with some of its privileges."""
    there = json.loads(json.dumps(privileges).replace('"shop"', f'"{database}"'))
    guarded.root.admin.command({"createRole": database, "privileges": there, "roles": []})


@pytest.fixture
def shop(guarded: Guarded, tmp_path: Path, kafka: str) -> Iterator[Shop]:
    name = f"shop_{uuid.uuid4().hex[:8]}"
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    guarded.root.admin.command({"createUser": name, "pwd": PASSWORD, "roles": []})
    yield Shop(
        name,
        {
            "CDC_MONGO__HOST": "127.0.0.1",
            "CDC_MONGO__PORT": str(guarded.port),
            "CDC_MONGO__USER": name,
            "CDC_MONGO__PASSWORD_FILE": str(tmp_path / "password"),
            "CDC_MONGO__TLS_CA_FILE": str(guarded.ours.path),
            "CDC_MONGO__SERVER_SELECTION_TIMEOUT_MS": "2000",
            "CDC_MONGO__DATABASE": name,
            "CDC_KAFKA__BOOTSTRAP_SERVERS": kafka,
        },
    )
    guarded.root.drop_database(name)


def give(guarded: Guarded, shop: Shop, privileges: list[dict[str, Any]]) -> None:
    grant(guarded, shop.name, privileges)
    guarded.root.admin.command({"grantRolesToUser": shop.name, "roles": [shop.name]})


@pytest.mark.parametrize(
    ("collections", "privileges"),
    [(["--collection", "info"], ROLE["privileges"]), ([], ROLE["privileges"][:1])],
    ids=["collection", "database-without-oplog"],
)
def test_a_user_with_the_documented_role_alone_runs_everything(
    guarded: Guarded,
    shop: Shop,
    kafka: str,
    topic: str,
    tmp_path: Path,
    collections: list[str],
    privileges: list[dict[str, Any]],
) -> None:
    give(guarded, shop, privileges)
    info = guarded.root[shop.name].info
    info.insert_many({"_id": number, "n": 0} for number in range(DOCUMENTS))
    args = [*collections, "--topic", topic, "--name", "p", "--before", "lookup", "--cursor-dir", str(tmp_path)]
    with running("watch", *args, "--increment-field", "n", env=shop.env, log=tmp_path / "log") as child:
        until(lambda: topics.ends(kafka, topic) >= DOCUMENTS or not child.alive, what="the load")
        info.update_one({"_id": 1}, {"$set": {"n": 1}})
        info.delete_one({"_id": 2})
        until(lambda: topics.ends(kafka, topic) >= DOCUMENTS + 2 or not child.alive, what="the changes")
        assert child.alive, child.text
        asked = cdc("snapshot", *args, "--where", '{"_id": {"$lt": 10}}', env=shop.env)
        assert "9 documents" in asked.stdout, asked.stderr
        assert child.stop() == 0, child.text
    alone = cdc("snapshot", *args, env=shop.env)
    assert f"{DOCUMENTS - 1:,} documents" in alone.stdout, alone.stderr
    records = topics.read(kafka, topic)
    assert topics.differences(records, info.find()) == []
    changes = [record.value for record in records if record.value["op"] != "read"]
    assert [(change["op"], change["before"], change["source"]["image"]) for change in changes] == [
        ("update", {"_id": 1, "n": 0}, "exact"),
        ("delete", {"_id": 2, "n": 0}, "exact"),
    ]


@pytest.mark.parametrize("missing", RIGHTS)
def test_each_right_of_the_documented_role_is_needed(guarded: Guarded, shop: Shop, missing: str) -> None:
    first, *_ = ROLE["privileges"]
    give(guarded, shop, [{**first, "actions": [right for right in RIGHTS if right != missing]}])
    guarded.root[shop.name].info.insert_one({"_id": 1, "n": 1})
    args = ["--collection", "info", *(["--increment-field", "n"] if missing == "listIndexes" else [])]
    said = refusal(cdc("watch", "--dry-run", "--once", *args, env=shop.env), 2)
    assert f"MongoDB at {guarded.address} refuses access to {shop.name!r} (Unauthorized) | db.getSibling" in said


def test_a_cursor_in_mongodb_needs_the_documented_rights_and_no_more(
    guarded: Guarded, shop: Shop, kafka: str, topic: str, tmp_path: Path
) -> None:
    where = {"db": f"{shop.name}_cursors", "collection": "cursors"}
    options = ["--topic", topic, "--cursor-dir", str(tmp_path / "cursors"), "--startup-timeout", "0.5"]
    options += ["--cursor-store", "mongo", "--cursor-collection", f"{where['db']}.{where['collection']}"]
    give(guarded, shop, ROLE["privileges"])
    guarded.root[shop.name].info.insert_one({"_id": 1})
    for number in range(1, len(CURSORS) + 1):
        more = [{"resource": where, "actions": CURSORS[:number]}]
        guarded.root.admin.command({"grantPrivilegesToRole": shop.name, "privileges": more})
        done = cdc("watch", "--once", *options, env=shop.env)
        assert done.returncode == (0 if number == len(CURSORS) else 2), done.stderr
    for command in (["export"], ["reset", "--yes"]):
        done = cdc("cursor", *command, *options[:4], *options[6:], env=shop.env)
        assert done.returncode == 0, done.stderr
    assert topics.ends(kafka, topic) == 1
    guarded.root.drop_database(where["db"])


def test_a_certificate_is_a_login(guarded: Guarded, shop: Shop, tmp_path: Path) -> None:
    give(guarded, shop, ROLE["privileges"])
    roles = [{"role": shop.name, "db": "admin"}]
    guarded.root["$external"].command({"createUser": guarded.reader.subject, "roles": roles})
    guarded.root[shop.name].info.insert_one({"_id": 1, "text": CONTENT})
    (tmp_path / "key-password").write_text(KEY_PASSWORD)
    env = {
        **guarded.x509(guarded.reader),
        "CDC_MONGO__TLS_CERTIFICATE_KEY_FILE_PASSWORD_FILE": str(tmp_path / "key-password"),
    }
    done = cdc("watch", "--dry-run", "--once", "--database", shop.name, env=env)
    assert done.returncode == 0, done.stderr
    assert CONTENT in done.stdout
    assert KEY_PASSWORD not in done.stderr


def attempt(env: dict[str, str], code: int) -> str:
    """What a run that cannot be is told, in one line and a hint that hold no secret."""
    done = cdc("watch", "--dry-run", "--once", "--debug", "--startup-timeout", "0.5", env=env)
    said = refusal(done, code)
    assert PASSWORD not in done.stdout + done.stderr
    assert KEY_PASSWORD not in done.stdout + done.stderr
    return said


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"PASSWORD_FILE": "", "PASSWORD": f"{PASSWORD}x"}, 2, "refuses the login (AuthenticationFailed) | mend user,"),
        ({"USER": "nobody"}, 2, "refuses the login (AuthenticationFailed) | mend user, password and auth_source"),
        ({"TLS_CA_FILE": ""}, 3, "cannot be reached (AutoReconnect) | does it want TLS (mongo.tls), or a certificate"),
        (
            {"TLS_CA_FILE": "{theirs}"},
            3,
            "SSL: CERTIFICATE_VERIFY_FAILED, self-signed certificate in certificate chain) | ",
        ),
        (
            {"TLS_CA_FILE": "", "TLS": "on"},
            3,
            "CERTIFICATE_VERIFY_FAILED, self-signed certificate in certificate chain) | ",
        ),
        ({"TLS_CA_FILE": "{password}"}, 2, "the TLS files for MongoDB at 127.0.0.1:"),
        ({"HOST": "localhost"}, 3, "Hostname mismatch, certificate is not valid for 'localhost') | mend mongo.tls_ca"),
        ({"TLS_CERTIFICATE_KEY_FILE": "{stranger}"}, 3, "cannot be reached (AutoReconnect"),
        ({"TLS_CERTIFICATE_KEY_FILE": "{late}"}, 3, "cannot be reached (AutoReconnect"),
    ],
    ids=["password", "user", "no-tls", "authority", "systems-authority", "no-pem", "host", "stranger", "late"],
)
def test_what_does_not_fit_is_one_line(
    guarded: Guarded, shop: Shop, tmp_path: Path, changes: dict[str, str], code: int, says: str
) -> None:
    files = {
        "password": tmp_path / "password",
        "theirs": guarded.theirs.path,
        "stranger": guarded.theirs.issue("stranger").both,
        "late": guarded.ours.issue("late", until=EXPIRED).both,
    }
    changed = {f"CDC_MONGO__{name}": value.format(**files) for name, value in changes.items()}
    said = attempt(shop.env | changed, code)
    assert f":{guarded.port} " in said
    assert says in said


def test_a_server_whose_certificate_is_out_of_date(guarded: Guarded, shop: Shop) -> None:
    with showing(guarded.ours.issue("late-server", "127.0.0.1", until=EXPIRED)) as port:
        said = attempt({**shop.env, "CDC_MONGO__PORT": str(port)}, 3)
    assert "SSL: CERTIFICATE_VERIFY_FAILED, certificate has expired) | mend" in said


@pytest.mark.parametrize(
    ("certificate", "code", "says"),
    [("unknown", 2, "refuses the login ("), ("reader", 2, "do not fit: Private key doesn't match certificate: ")],
)
def test_a_certificate_that_is_no_login(guarded: Guarded, certificate: str, code: int, says: str) -> None:
    presented = guarded.reader if certificate == "reader" else guarded.ours.issue("unknown")
    wrong = {"CDC_MONGO__TLS_CERTIFICATE_KEY_FILE_PASSWORD": "wrong"} if certificate == "reader" else {}
    assert says in attempt({**guarded.x509(presented), **wrong}, code)


def test_a_server_that_wants_a_certificate(own_stack: "Callable[..., Stack]", guarded: Guarded, shop: Shop) -> None:
    strict = own_stack(brokers=0, mongo_settings=guards(guarded.ours)).mongo[0]
    nobody = {"CDC_MONGO__USER": "", "CDC_MONGO__PASSWORD_FILE": "", "CDC_MONGO__PORT": str(strict.port)}
    said = attempt({**shop.env, **nobody}, 3)
    assert "cannot be reached (AutoReconnect" in said
    assert "a certificate of ours (mongo.tls_certificate_key_file)?" in said


def test_nothing_that_a_run_leaves_has_a_password_or_a_document(
    guarded: Guarded, shop: Shop, kafka: str, topic: str, tmp_path: Path
) -> None:
    give(guarded, shop, ROLE["privileges"])
    (tmp_path / "uri").write_text(
        f"mongodb://{shop.name}:{PASSWORD}@{guarded.address}/{shop.name}?authSource=admin&tlsCAFile={guarded.ours.path}"
    )
    work = tmp_path / "work"
    work.mkdir()
    env = {
        "CDC_MONGO__URI_FILE": str(tmp_path / "uri"),
        "CDC_KAFKA__BOOTSTRAP_SERVERS": kafka,
        "CDC_CURSOR_DIR": str(work),
        "CDC_TOPIC": topic,
        "CDC_NAME": "p",
        "CDC_DEAD_LETTER_TOPIC": f"{topic}-dead",
        "CDC_KAFKA__BUFFER_BYTES": "1048576",  # also the largest record
    }
    info = guarded.root[shop.name].info
    info.insert_many({"_id": number, "text": CONTENT, CONTENT: number} for number in range(500))
    args = ["--collection", "info", "--before", "lookup", "--debug", "--metrics-port", "0"]
    with running("watch", *args, env=env, log=work / "log") as child:
        endpoint = Endpoint(child)
        until(lambda: endpoint.ready()["code"] == 200, what="being ready")
        info.update_many({}, {"$set": {"more": {CONTENT: CONTENT}}})
        info.replace_one({"_id": 1}, {"text": CONTENT * 2})
        info.delete_one({"_id": 2})
        info.insert_one({"_id": 1000, "text": CONTENT, "large": CONTENT * 70_000})  # to the dead letters
        until(lambda: topics.ends(kafka, f"{topic}-dead") == 1 or not child.alive, what="a dead letter")
        until(lambda: topics.ends(kafka, topic) == 1002 or not child.alive, what="every record")
        shown = [cdc(*command, env=env) for command in (["config", "show"], ["config", "show", "--json"])]
        shown += [cdc(*command, env=env) for command in (["cursor", "show"], ["snapshot", "--list"])]
        running_still = traces.left(child, work)
        assert child.stop() == 0, child.text
    assert CONTENT in str(topics.read(kafka, topic)[-1].raw)
    everything = "\n".join([running_still, *traces.files(work), *(done.stdout + done.stderr for done in shown)])
    for part in ("cdc_records_total", '"phase"', '"call": "change_stream.open"', "mongo.uri", "********"):
        assert part in everything, part
    assert PASSWORD not in everything
    assert CONTENT not in everything


def test_a_password_among_the_arguments_is_warned_of(guarded: Guarded, shop: Shop) -> None:
    give(guarded, shop, ROLE["privileges"])
    place = f"{guarded.address}/{shop.name}?authSource=admin&tlsCAFile={guarded.ours.path}"
    done = cdc("watch", "--dry-run", "--once", "--mongo-uri", f"mongodb://{shop.name}:{PASSWORD}@{place}")
    assert done.returncode == 0, done.stderr
    assert "the password in --mongo-uri stands in the list of processes" in done.stderr
    assert PASSWORD not in done.stderr
    named = cdc("watch", "--dry-run", "--once", env={"CDC_MONGO__URI": f"mongodb://{shop.name}:{PASSWORD}@{place}"})
    assert named.returncode == 0, named.stderr
    assert "list of processes" not in named.stderr
