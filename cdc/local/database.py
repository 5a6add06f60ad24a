"""What MariaDB and PostgreSQL have in common here: Debian's programs, run by a user that is not root."""

import hashlib
import os
import pwd
import shutil
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cdc.errors import ConfigInvalid, Retryable, SourceUnreachable
from cdc.local.server import Server, Settings, written

DATABASE = "cdc"
"""An empty database for those who connect."""

_FOR_ROOT = Path("/var/lib/cdc-local")
"""The servers' users may enter no folder of root's."""


@dataclass
class Database(Server):
    """`settings` are the server's own, as on its command line."""

    package: ClassVar[str]
    account: ClassVar[str]
    """The package's user, which runs it where we are root."""

    unreachable: ClassVar[type[Retryable]] = SourceUnreachable

    @property
    @abstractmethod
    def url(self) -> str:
        """Where its administrator connects, without a password."""

    @abstractmethod
    def programs(self) -> None:
        """Looks for what it needs.

        Raises:
            ConfigInvalid: not installed.
        """

    @abstractmethod
    def make(self, data: Path) -> list[str]:
        """The command that fills the empty folder `data`."""

    @abstractmethod
    def serve(self, data: Path) -> list[str]:
        """The command that serves what is in `data`."""

    @property
    def home(self) -> Path:
        if os.geteuid():
            return super().home
        folder = hashlib.blake2b(os.fsencode(self.folder), digest_size=6).hexdigest()
        return _FOR_ROOT / f"{folder}-{self.name}"

    @property
    def scratch(self) -> Path:
        return self.home / "tmp"

    def command(self) -> tuple[list[str], Mapping[str, str]]:
        data, aside = self.home / "data", self.home / "new"
        if not data.exists():
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir()
            self.scratch.mkdir(exist_ok=True)
            self._hand_over()
            self.prepare(self._unprivileged(self.make(aside)))
            aside.rename(data)
        return self._unprivileged(self.serve(data)), {}

    def _unprivileged(self, command: Sequence[str]) -> list[str]:
        """Has it run in its own folder, and by its own user where we are root."""
        user = [] if os.geteuid() else [program("setpriv", "util-linux"), *self._identity(), "--clear-groups"]
        return [program("env", "coreutils"), f"--chdir={self.home}", *user, *command]

    def _identity(self) -> tuple[str, str]:
        account = self._account()
        return f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}"

    def _account(self) -> pwd.struct_passwd:
        try:
            return pwd.getpwnam(self.account)
        except KeyError:
            raise ConfigInvalid(
                f"--with {self.name}: there is no user {self.account} to run it, which root must not",
                hint=f"apt-get install {self.package} makes one",
            ) from None

    def _hand_over(self) -> None:
        """Gives its folder to its user; the way there is open to all."""
        if os.geteuid() == 0:
            account = self._account()
            _FOR_ROOT.chmod(0o755)
            for path in (self.home, *self.home.iterdir()):
                os.chown(path, account.pw_uid, account.pw_gid)
                path.chmod(0o700)


def flags(settings: Settings) -> list[str]:
    return [f"--{name}={written(value)}" for name, value in settings.items()]


def program(name: str, package: str, *, before: Sequence[Path] = ()) -> str:
    """The program of a Debian package, in one of the folders `before` or on the path.

    Raises:
        ConfigInvalid: not installed.
    """
    path = (*map(str, before), os.environ.get("PATH", os.defpath), "/usr/sbin")
    if found := shutil.which(name, path=os.pathsep.join(path)):
        return found
    raise ConfigInvalid(f"{name} is not installed", hint=f"apt-get install {package}")
