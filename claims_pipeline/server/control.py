"""Start, stop and wipe the embedded server as a whole; one command at a time for each installation."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from claims_pipeline.errors import ConfigError
from claims_pipeline.home import make_home, make_passable_folder, require_home
from claims_pipeline.locks import one_at_a_time
from claims_pipeline.processes import started_here
from claims_pipeline.server.binaries import require_own, require_reachable
from claims_pipeline.server.hapi import Hapi
from claims_pipeline.server.jars import fetch_jars
from claims_pipeline.server.java import application_jar
from claims_pipeline.server.postgres import Postgres
from claims_pipeline.server.search_parameters import install_search_parameters
from claims_pipeline.server.status import ServerStatus, status
from claims_pipeline.settings import Settings

LOCK_SECONDS = 900

OnStep = Callable[[str], None]


def unheard(_: str) -> None:
    """Ignore the progress."""


def start(settings: Settings, on_step: OnStep = unheard) -> ServerStatus:
    """Start PostgreSQL and HAPI FHIR unless they run, and return when claims can be searched by diagnosis.

    The first start downloads about 250 MB of Java archives; later ones download nothing. A start that fails stops
    the processes that it started.

    Args:
        settings: the installation.
        on_step: called with each step as it begins, from several threads.

    Raises:
        PortTaken: another program listens on one of the two ports.
        ServiceError: a download, PostgreSQL or HAPI FHIR failed, or another command held the server too long.
        ConfigError: the folder cannot be written.
    """
    postgres, hapi = Postgres.of(settings), Hapi.of(settings)
    with one_command(settings, on_step):
        hapi.require_startable()
        postgres.require_startable()
        if hapi.process() and postgres.process() and hapi.is_healthy():
            on_step("FHIR server: already running")
        else:
            _start(settings, postgres, hapi, on_step)
        install_search_parameters(settings.embedded_fhir_base_url)
    return status(settings)


def _start(settings: Settings, postgres: Postgres, hapi: Hapi, on_step: OnStep) -> None:
    with ExitStack() as undo:
        if postgres.process() is None:
            undo.callback(postgres.stop)
        with ThreadPoolExecutor(1) as pool:  # PostgreSQL starts while the archives download
            database = pool.submit(postgres.start, on_step)
            jars = fetch_jars(settings.cache, on_step)
            application = application_jar(settings.cache, jars, on_step)
            database.result()
        if hapi.process() is None:
            undo.callback(hapi.stop, seconds=2)  # nothing is in flight, and a boot does not end when asked
        process = hapi.start(application=application, jars=jars, postgres=postgres)
        hapi.wait_until_healthy(process, on_step)
        undo.pop_all()


def stop(settings: Settings, on_step: OnStep = unheard) -> bool:
    """Stop the embedded server, keep its data, and return whether anything ran.

    Returns:
        True if a process was stopped.

    Raises:
        ServiceError: a process did not end, or another command held the server too long.
    """
    postgres, hapi = Postgres.of(settings), Hapi.of(settings)
    if not settings.server_path.exists():
        return False
    with one_command(settings, on_step):
        return _stop(postgres, hapi, on_step)


def _stop(postgres: Postgres, hapi: Hapi, on_step: OnStep) -> bool:
    is_any_running = bool(hapi.process() or postgres.process())
    if hapi.process():
        on_step("HAPI FHIR: stopping")
    hapi.stop()
    if postgres.process():
        on_step("PostgreSQL: stopping")
    postgres.stop()
    return is_any_running


def stop_started_here(settings: Settings, on_step: OnStep = unheard) -> None:
    """Stop the processes of the embedded server that this process started, and no others.

    Raises:
        ServiceError: a process did not end.
    """
    postgres, hapi = Postgres.of(settings), Hapi.of(settings)
    ours = started_here()
    if hapi.process() in ours:
        on_step("HAPI FHIR: stopping")
        hapi.stop()
    if postgres.process() in ours:
        on_step("PostgreSQL: stopping")
        postgres.stop()


def wipe(settings: Settings, on_step: OnStep = unheard) -> bool:
    """Stop the embedded server and delete all its data, so that the next start begins with an empty server.

    Returns:
        True if there was anything to delete.

    Raises:
        ServiceError: a process did not end, or another command held the server too long.
    """
    postgres, hapi = Postgres.of(settings), Hapi.of(settings)
    if not postgres.home.exists():
        return False
    with one_command(settings, on_step):
        _stop(postgres, hapi, on_step)
        on_step("deleting the database")
        shutil.rmtree(postgres.home)
        shutil.rmtree(hapi.home, ignore_errors=True)
    return True


def require_usable(settings: Settings) -> None:
    """Check that the embedded server can run in the folder of an installation; create nothing.

    Raises:
        ConfigError: the folder cannot be written, or PostgreSQL's user cannot reach it.
        ServiceError: the server in it belongs to another user.
    """
    require_own(settings.server_path)
    require_home(settings.home)
    require_reachable(settings.home)


@contextmanager
def one_command(settings: Settings, on_step: OnStep) -> Iterator[None]:
    """Hold the server's lock for a `with` block; while another command holds it, report that and wait.

    The folders of the installation are created if they do not exist; new and existing ones become private.

    Raises:
        ConfigError: they cannot be written, or PostgreSQL's user cannot reach them; nothing is created.
        ServiceError: the server belongs to another user, or another command held it too long.
    """
    require_usable(settings)
    make_home(settings.home)
    make_passable_folder(settings.server_path)
    lock = settings.server_path / "command.lock"
    with ExitStack() as held:
        try:
            held.enter_context(
                one_at_a_time(
                    lock, on_wait=lambda holder: on_step(f"FHIR server: waiting for {holder}"), seconds=LOCK_SECONDS
                )
            )
        except OSError as error:
            raise ConfigError(
                f"the folder of the server cannot be written: {error.strerror}",
                where=str(settings.server_path),
                fix="set CLAIMS_HOME to a folder of yours",
            ) from error
        yield
