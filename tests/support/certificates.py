"""Certificates that live as long as their test."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import load_pem_x509_certificate

EXPIRED = datetime.now(UTC) - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM: the certificate, its key in PKCS #8, and `both` in one; `subject` is its name as in RFC 4514."""

    path: Path
    key: Path
    both: Path
    subject: str


class Authority:
    """Issues certificates into a folder of its own; `path` is the file by which others know it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA()
        folder.mkdir()
        self.path = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.path))

    def issue(self, name: str, *hosts: str, until: datetime | None = None, password: str | None = None) -> Certificate:
        """For a server on `hosts`, or without them for a client; `password` is that of the key."""
        made = self._authority.issue_cert(
            *(hosts or (f"{name}.client",)),  # Java refuses a certificate without any
            common_name=name,
            organization_unit_name=f"{name}s",  # MongoDB takes the unit of its own certificate for its members'
            not_before=EXPIRED - timedelta(days=1),
            not_after=until,
        )
        secret: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password is not None:
            secret = serialization.BestAvailableEncryption(password.encode())
        key = serialization.load_pem_private_key(made.private_key_pem.bytes(), None).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret
        )
        chain = b"".join(each.bytes() for each in made.cert_chain_pems)
        return Certificate(
            self._write(f"{name}.certificate.pem", chain),
            self._write(f"{name}.key.pem", key),
            self._write(f"{name}.both.pem", key + chain),
            load_pem_x509_certificate(chain).subject.rfc4514_string(),
        )

    def _write(self, name: str, text: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(text)
        return path
