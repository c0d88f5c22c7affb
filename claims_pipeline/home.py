"""The folder of an installation, CLAIMS_HOME: people load their own data, so other users have no access.

PostgreSQL refuses to run as root. For root it runs as `nobody`, who must pass through the folder to its own: then that
user's group may pass, and nobody else.
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
"""What we make is for its owner only."""

PASSABLE, OF_OTHERS = 0o710, 0o077


def require_home(home: Path) -> None:
    """Check that the folder can be written, or made; leaves nothing behind.

    Raises:
        ConfigError: it cannot; the message says why.
    """
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    if not existing.is_dir():
        raise ConfigError("this is a file, not a folder", where=str(existing), fix="set CLAIMS_HOME to a folder")
    try:
        Path(tempfile.mkdtemp(dir=existing, prefix=".claims-probe-")).rmdir()  # the only sure way to know
    except OSError as error:
        raise _not_writable(home, error.strerror or str(error)) from error


def make_home(home: Path) -> None:
    """Make the folder, and close it and what lies in it to others; one that is open is closed.

    Raises:
        ConfigError: it cannot be written.
    """
    require_home(home)
    try:
        for folder in reversed([folder for folder in home.parents if not folder.exists()]):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)  # as with any umask: it is not ours alone
        make_passable_folder(home)
        for entry in home.iterdir():
            _close(entry)
    except OSError as error:
        raise _not_writable(home, error.strerror or str(error)) from error


def make_passable_folder(folder: Path) -> None:
    """Make a folder that its owner alone uses; for root, PostgreSQL's user may pass through it to its own folder."""
    folder.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY_FOLDER)
    with suppress(PermissionError):  # the folder of another user is that user's to close
        if IS_ROOT:
            shutil.chown(folder, group=_group())
        folder.chmod(PASSABLE if IS_ROOT else OWNER_ONLY_FOLDER)


def can_pass(folder: Path) -> bool:
    """Tell whether PostgreSQL's user, which is not root, can enter a folder of root's."""
    status = folder.stat()
    is_of_group = status.st_gid == _group() and bool(status.st_mode & stat.S_IXGRP)
    return is_of_group or bool(status.st_mode & stat.S_IXOTH)


def _group() -> int:
    import pwd

    return pwd.getpwnam(UNPRIVILEGED_USER).pw_gid


def _close(entry: Path) -> None:
    """Take from others what they may do with a file or folder of the home; who may pass may go on passing."""
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
