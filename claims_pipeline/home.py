"""The folder of an installation, CLAIMS_HOME: people load their own data, so other users have no access.

PostgreSQL refuses to run as root. For root it runs as the user `nobody`, who must pass through this folder to
PostgreSQL's own: that user's group may then enter it, but no other user.
"""

import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from claims_pipeline.errors import ConfigError
from claims_pipeline.files import OWNER_ONLY_FOLDER
from claims_pipeline.settings import IS_ROOT

UNPRIVILEGED_USER = "nobody"
"""Root runs PostgreSQL as this user, which every Unix has."""

UMASK = 0o077
"""New files and folders are for their owner only."""

PASSABLE, OF_OTHERS = 0o710, 0o077


def require_home(home: Path) -> None:
    """Check that the folder can be written or created, and leave nothing behind.

    Raises:
        ConfigError: it cannot be written; the message says why.
    """
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    if not existing.is_dir():
        raise ConfigError("this is a file, not a folder", where=str(existing), fix="set CLAIMS_HOME to a folder")
    try:
        Path(tempfile.mkdtemp(dir=existing, prefix=".claims-probe-")).rmdir()  # the only reliable test
    except OSError as error:
        raise _not_writable(home, error.strerror or str(error)) from error


def make_home(home: Path) -> None:
    """Create the folder, and remove other users' access to it and its content; also if it exists already.

    Raises:
        ConfigError: it cannot be written.
    """
    require_home(home)
    try:
        for folder in reversed([folder for folder in home.parents if not folder.exists()]):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)  # independent of the umask: it is not only for this home
        make_passable_folder(home)
        for entry in home.iterdir():
            _close(entry)
    except OSError as error:
        raise _not_writable(home, error.strerror or str(error)) from error


def make_passable_folder(folder: Path) -> None:
    """Create a folder for its owner only; for root, PostgreSQL's user may also pass through it to its own folder."""
    folder.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY_FOLDER)
    with suppress(PermissionError):  # another user's folder is left as it is
        if IS_ROOT:
            shutil.chown(folder, group=_group())
        folder.chmod(PASSABLE if IS_ROOT else OWNER_ONLY_FOLDER)


def can_pass(folder: Path) -> bool:
    """Return whether PostgreSQL's unprivileged user can enter a folder of root's."""
    status = folder.stat()
    is_of_group = status.st_gid == _group() and bool(status.st_mode & stat.S_IXGRP)
    return is_of_group or bool(status.st_mode & stat.S_IXOTH)


def _group() -> int:
    import pwd

    return pwd.getpwnam(UNPRIVILEGED_USER).pw_gid


def _close(entry: Path) -> None:
    """Remove other users' permissions on a file or folder of the home, except PostgreSQL's right to pass through."""
    with suppress(PermissionError, FileNotFoundError):
        if entry.is_symlink():
            return
        status = entry.stat()
        mode = stat.S_IMODE(status.st_mode)
        is_passable = IS_ROOT and entry.is_dir() and status.st_gid == _group()
        closed = mode & ~OF_OTHERS | (mode & stat.S_IXGRP if is_passable else 0)
        if mode != closed:
            entry.chmod(closed)


def _not_writable(home: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"the folder of the installation cannot be written: {reason}",
        where=str(home),
        fix="set CLAIMS_HOME to a folder of yours",
    )
