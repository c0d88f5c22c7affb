"""What several test packages share: the embedded FHIR server, and which worker runs which tests."""

import ast
import gc
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from claims_pipeline import log_rotation, processes, server
from claims_pipeline.ports import free_port
from claims_pipeline.server.postgres import Postgres
from claims_pipeline.settings import Settings
from claims_pipeline_tests.server_state import begin_module, forget_marker

FASTER_BOOT = "-XX:TieredStopAtLevel=1"
"""Half the CPU time to boot, for a lower rate of a warm server; the launcher of Java reads it from JDK_JAVA_OPTIONS."""

SERVER_FIXTURES = {"fhir_server", "spare_server", "target", "profiles"}
"""Arguments by which a test, or a fixture of its module, shows that it uses the FHIR server."""
LONG = {"server", "browser", "heavy", "slow"}
"""Marks of tests that take long; those that use the FHIR server take longest."""
END_SECONDS = 5
RUN = "PYTEST_CLAIMS_RUN"
"""Environment variable with the pid of the process that started the run; the workers inherit it."""


def pytest_configure() -> None:
    """Let no test see the settings of whoever runs it, before any module is imported: some read them at import."""
    run = os.environ.get(RUN, str(os.getpid()))
    for name in [name for name in os.environ if name.startswith("CLAIMS_") and name != "CLAIMS_CACHE"]:
        del os.environ[name]
    os.environ["CLAIMS_HOME"] = str(Path(tempfile.gettempdir()) / "no-installation")
    os.environ[RUN] = run
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background of a script ignores it
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # one under nohup ignores it
    hypothesis.settings.register_profile("without a clock", deadline=None)
    hypothesis.settings.load_profile("without a clock")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import the modules without garbage collection, and let no later one look at what they made, which stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_unconfigure() -> None:
    """Stop what an interrupted worker has left running: pytest-xdist kills a worker that does not end in time."""
    gc.unfreeze()  # nanobind names what is not collected at the end as leaked
    if os.environ[RUN] == str(os.getpid()):
        for home in Path(tempfile.gettempdir()).glob(f"{_home_prefix()}*"):
            server.stop(Settings(home=home))
            shutil.rmtree(home, ignore_errors=True)


class TwoServers(LoadFileScheduling):  # type: ignore[misc]
    """Gives the tests that use the FHIR server to two workers, each of which starts one; others module by module.

    The loader's tests take as long as all others of the server, and one worker with both would be the last by far.
    """

    def _split_scope(self, nodeid: str) -> str:
        module: str = super()._split_scope(nodeid)
        if not _uses_server(nodeid):
            return module
        return f"tests of the FHIR server {'by the loader' if 'claims_pipeline_tests/load/' in module else 'by others'}"


def _uses_server(nodeid: str) -> bool:
    module, _, test = nodeid.partition("::")
    return test.partition("[")[0] in _users_of_server(module)


@cache
def _users_of_server(module: str) -> set[str]:
    """Return the functions of a module that have a fixture of the FHIR server, or one of the module that has it."""
    tree = ast.parse((Path(__file__).parents[1] / module).read_text(encoding="utf-8"))
    arguments = {
        function.name: {argument.arg for argument in function.args.args}
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
    }
    users: set[str] = set()
    while more := {name for name, names in arguments.items() if names & (SERVER_FIXTURES | users)} - users:
        users |= more
    return users


@pytest.hookimpl(optionalhook=True)  # also run without pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TwoServers:
    """Return what distributes the tests to the workers, in the order in which they are collected."""
    config.option.loadscopereorder = False  # it puts modules with few tests last, also those that take a minute
    return TwoServers(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long modules first, so that no worker is alone with one at the end, and check who uses the FHIR server."""
    _check_users_of_server(items)
    rank: dict[Path, int] = {}
    for item in items:
        own = 0 if _uses_server(item.nodeid) else 1 if LONG & {mark.name for mark in item.iter_markers()} else 2
        rank[item.path] = min(own, rank.get(item.path, own))
    items.sort(key=lambda item: rank[item.path])


def _check_users_of_server(items: list[pytest.Item]) -> None:
    for item in items:
        if SERVER_FIXTURES & {*getattr(item, "fixturenames", ())} and not _uses_server(item.nodeid):
            raise pytest.UsageError(
                f"{item.nodeid} uses the FHIR server by a fixture that SERVER_FIXTURES does not name"
            )


@pytest.fixture(scope="session", autouse=True)
def _no_installation_of_whoever_runs_the_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["CLAIMS_HOME"] = str(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session", autouse=True)
def _nothing_waits_for_the_disk() -> Iterator[None]:
    """Let the tests' process flush nothing: sync(2) also waits for what the server of another worker writes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        patch.setattr(os, "sync", lambda: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _every_process_is_reaped() -> Iterator[None]:
    """Collect at the end the exit codes of what was started here and ended elsewhere: each else is a ResourceWarning.

    Services that another command stopped, and the writers of logs, which end with their programs. Being the first
    fixture of the run, it ends after those that stop programs.
    """
    yield
    for process in (*processes._children, *(writer for _, writer in log_rotation._writers)):
        with suppress(subprocess.TimeoutExpired):  # it still runs, and the warning is right
            process.wait(END_SECONDS)


@pytest.fixture(scope="session")
def fhir_server() -> Iterator[Settings]:
    """The settings of a running, at first empty server with its own CLAIMS_HOME and ports; removed after the run.

    Tests share it: each uses ids of its own, or counts before and after.
    """
    with _running_server() as settings:
        yield settings


@pytest.fixture(scope="session")
def spare_server() -> Iterator[Settings]:
    """The settings of a second server, for tests that wipe, restore or stop it; they leave it running."""
    with _running_server() as settings:
        yield settings


@contextmanager
def _running_server() -> Iterator[Settings]:
    home = open_home()
    settings = Settings(
        home=home, fhir_port=free_port(), postgres_port=free_port(), fhir_hosts="fhir.example.org, other.example"
    )
    options = os.environ.get("JDK_JAVA_OPTIONS", "")
    os.environ["JDK_JAVA_OPTIONS"] = f"{options} {FASTER_BOOT}"
    on_terminate = signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # a stopped run ends like an interrupted one
    try:
        server.start(settings)
        for sql in (
            "ALTER SYSTEM SET fsync = off",
            "SELECT pg_reload_conf()",
        ):  # a killed PostgreSQL loses nothing by it
            assert Postgres.of(settings).query(sql) is not None
        yield settings
    finally:
        os.environ["JDK_JAVA_OPTIONS"] = options
        server.stop(settings)
        shutil.rmtree(home, ignore_errors=True)
        signal.signal(signal.SIGTERM, on_terminate)


@pytest.fixture(scope="module")
def _no_ledger_fills_the_server(fhir_server: Settings) -> None:
    """Make the server one that no ledger fills: a server belongs to one ledger."""
    forget_marker(fhir_server.fhir_base_url)
    begin_module()


@pytest.fixture(autouse=True)
def _a_ledger_for_each_module(request: pytest.FixtureRequest) -> None:
    """Let each module that uses the server begin with a ledger of its own."""
    if "fhir_server" in request.fixturenames:
        request.getfixturevalue("_no_ledger_fills_the_server")


def open_home() -> Path:
    """Make a temporary CLAIMS_HOME that PostgreSQL's user can reach: pytest's own folders are closed to it."""
    home = Path(tempfile.mkdtemp(prefix=_home_prefix()))
    home.chmod(0o711)
    return home


def _home_prefix() -> str:
    return f"claims-test-{os.environ[RUN]}-"
