"""The one settings model. Every field is an environment variable `CLAIMS_<FIELD>`.

All state of an installation lives under `home`, so that two of them run side by side and deleting one
folder deletes everything. Only downloads (Java archives) are shared, in `cache`.
"""

import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from claims_pipeline.days import Day
from claims_pipeline.errors import ConfigError

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
APP = "claims_pipeline"
EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
"""Days that a feed may have: its people are born, and its claims change, within a calendar that every tool knows."""
MOST_CLAIMS, MOST_PATIENTS = 10**9, 10**8
"""Counters of random draws hold numbers below 2**32, and a population must fit into memory."""
MOST_IRREGULARITIES = 0.2
"""Share of claims that may be made irregular: more, and a feed has too few regular claims to plant them in."""
FEED_DAYS = 365
BEARER_TOKEN = re.compile(r"[!-~]+")
"""A token that a header can carry: visible ASCII (RFC 6749, A.12), since servers issue more than RFC 6750 names."""
CLAIMS_A_PERSON_AND_YEAR = 4.2
"""Claims at which the feed's members use care as often as people in the United States do (docs/generator.md)."""

LEAST_HEAP_MB = 256
"""HAPI FHIR boots with this much; with 100 MB it runs out of memory after minutes."""


def default_home() -> Path:
    """Return where state is kept: root's home is closed to the user that PostgreSQL runs as."""
    return Path("/var/lib") / APP if IS_ROOT else platformdirs.user_data_path(APP)


def default_cache() -> Path:
    """Return where downloads are kept, shared by all installations of one user."""
    return Path("/var/cache") / APP if IS_ROOT else platformdirs.user_cache_path(APP)


def yesterday() -> date:
    """Return the last day that is over, in UTC: the last one that has a partition."""
    return datetime.now(UTC).date() - timedelta(days=1)


class Settings(BaseSettings):
    """Settings of one installation, from `CLAIMS_*` environment variables.

    `seed`, `claims`, `patients`, `start_date`, `end_date` and `irregularities` are the feed of a lake that does not
    exist yet; one that does keeps its own (`lake.requested_feed`). `end_date` is 365 days of feed unless set, yesterday
    at the latest.
    Whichever of `claims` and `patients` is not set follows from the other by `CLAIMS_A_PERSON_AND_YEAR`; without both,
    there are 10,000 claims for each 365 days.
    `fhir_base_url` is the embedded server's address unless set.
    `fhir_wait_seconds`: how long a load waits for a server that is not ready. `fhir_request_seconds`: how long it
    waits for one answer. `fhir_patience_seconds`: how long it sends a bundle again before it gives up.
    `alert_webhook` gets alerts as JSON, `alert_email` (addresses, separated by commas) as mail through `smtp_host`.
    `fhir_user` with `fhir_password`, or `fhir_token`, or `fhir_client_id` say who we are. The last gets access tokens
    for `fhir_scope` with `fhir_client_secret`, or with `fhir_private_key_file` (its `kid` is `fhir_key_id`), from
    `fhir_token_url`, or where the FHIR server says that tokens are given. `fhir_ca_file` is trusted besides the
    system's certificates; `fhir_gzip` compresses what is sent. `fhir_hosts`: names, separated by commas, to which the
    embedded server answers besides those of this machine's loopback. `dashboard_open`: listen on any address without a
    password, in a container whose port is published on the loopback only; docker-compose.yml sets it.
    """

    model_config = SettingsConfigDict(env_prefix="CLAIMS_", frozen=True, extra="ignore")

    home: Path = Field(default_factory=default_home, validate_default=True)
    cache: Path = Field(default_factory=default_cache, validate_default=True)

    seed: int = Field(default=20250101, ge=0, lt=2**63)
    claims: int = Field(default=10_000, ge=1, le=MOST_CLAIMS)
    patients: int = Field(default=0, ge=1, le=MOST_PATIENTS, validate_default=False)
    start_date: Day = date(2025, 1, 1)
    end_date: Day = Field(default=date.min, validate_default=False)
    irregularities: float = Field(default=0.0, ge=0, le=MOST_IRREGULARITIES)

    fhir_base_url: str = ""
    batch_size: int = Field(default=100, ge=1, le=1_000)
    workers: int = Field(default=4, ge=1, le=64)
    fhir_user: str = ""
    fhir_password: SecretStr | None = None
    fhir_token: SecretStr | None = None
    fhir_client_id: str = ""
    fhir_client_secret: SecretStr | None = None
    fhir_private_key_file: Path | None = None
    fhir_key_id: str = ""
    fhir_scope: str = "system/*.cruds"
    fhir_token_url: str = ""
    fhir_ca_file: Path | None = None
    fhir_gzip: bool = False
    fhir_wait_seconds: float = Field(default=120, gt=0)
    fhir_request_seconds: float = Field(default=60, gt=0)
    fhir_patience_seconds: float = Field(default=300, gt=0)

    alert_webhook: SecretStr | None = None
    alert_email: str = ""
    alert_sender: str = ""
    smtp_host: str = "127.0.0.1"
    smtp_port: int = Field(default=25, ge=1, le=65_535)
    smtp_user: str = ""
    smtp_password: SecretStr | None = None
    smtp_starttls: bool = False

    fhir_port: int = Field(default=8080, ge=1, le=65_535)
    postgres_port: int = Field(default=5436, ge=1, le=65_535)
    fhir_memory: str = "2g"
    fhir_hosts: str = ""
    dashboard_host: str = "127.0.0.1"
    dashboard_password: SecretStr | None = None
    dashboard_open: bool = False
    dashboard_port: int = Field(default=5000, ge=1, le=65_535)
    dagster_port: int = Field(default=3000, ge=1, le=65_535)

    @field_validator("home", "cache")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        try:
            return path.expanduser().absolute()
        except RuntimeError as error:
            raise ValueError(f"no home directory to put for the ~ of {str(path)!r}") from error

    @field_validator("start_date", "end_date")
    @classmethod
    def _within_the_calendar(cls, day: date) -> date:
        if not EARLIEST <= day <= LATEST:
            raise ValueError(f"not a day from {EARLIEST} to {LATEST}: {day}")
        return day

    @field_validator("fhir_memory")
    @classmethod
    def _java_heap_size(cls, size: str) -> str:
        if not re.fullmatch(r"[1-9]\d*[mg]", size):
            raise ValueError(f"not a size such as 2g or 1500m: {size!r}")
        if int(size[:-1]) * {"m": 1, "g": 1024}[size[-1]] < LEAST_HEAP_MB:
            raise ValueError(f"{size} is too little: HAPI FHIR needs {LEAST_HEAP_MB}m or more")
        return size

    @field_validator("fhir_hosts")
    @classmethod
    def _host_names(cls, names: str) -> str:
        if names and not re.fullmatch(r"[\w.-]+( *, *[\w.-]+)*", names):
            raise ValueError(f"not names such as fhir.example.org, separated by commas, without ports: {names!r}")
        return names

    @field_validator("fhir_base_url")
    @classmethod
    def _usable_address(cls, url: str) -> str:
        if "@" in url.partition("//")[2].partition("/")[0]:  # would show the password in each message about the server
            raise ValueError("a user or password in the address; use CLAIMS_FHIR_USER and CLAIMS_FHIR_PASSWORD")
        if url and not _is_http_url(url):
            raise ValueError(f"not the address of a FHIR server such as http://127.0.0.1:8080/fhir: {url!r}")
        return url.rstrip("/")

    @field_validator("fhir_token")
    @classmethod
    def _bearer_token(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not BEARER_TOKEN.fullmatch(token.get_secret_value()):
            raise ValueError("not a bearer token: it has visible ASCII characters only, no spaces and no line breaks")
        return token

    @model_validator(mode="before")
    @classmethod
    def _without_empty_variables(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if value != ""}

    @model_validator(mode="after")
    def _derived(self) -> Self:
        if self.end_date == date.min:
            last = min(self.start_date + timedelta(days=FEED_DAYS - 1), yesterday())
            object.__setattr__(self, "end_date", max(self.start_date, last))
        days = max(1, (self.end_date - self.start_date).days + 1)
        claims_a_person = CLAIMS_A_PERSON_AND_YEAR * days / FEED_DAYS
        has_claims = "claims" in self.model_fields_set
        if not self.patients and not has_claims:
            object.__setattr__(self, "claims", max(1, round(self.claims * days / FEED_DAYS)))
        if not self.patients:
            patients = min(max(1, round(self.claims / claims_a_person)), MOST_PATIENTS)
            object.__setattr__(self, "patients", patients)
        elif not has_claims:
            claims = min(max(1, round(self.patients * claims_a_person)), MOST_CLAIMS)
            object.__setattr__(self, "claims", claims)
        if not self.fhir_base_url:
            object.__setattr__(self, "fhir_base_url", self.embedded_fhir_base_url)
        return self

    @property
    def embedded_fhir_base_url(self) -> str:
        """Address of the embedded FHIR server."""
        return f"http://127.0.0.1:{self.fhir_port}/fhir"

    @property
    def dashboard_url(self) -> str:
        """Address to open the dashboard at; one that listens everywhere is also on this machine's own."""
        shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.dashboard_host, self.dashboard_host)  # noqa: S104 - shown, not bound
        return f"http://{f'[{shown}]' if ':' in shown else shown}:{self.dashboard_port}"

    @property
    def lake_path(self) -> Path:
        """Folder of the Parquet partitions."""
        return self.home / "lake"

    @property
    def ledger_path(self) -> Path:
        """SQLite file that records what each FHIR server holds."""
        return self.home / "ledger.sqlite"

    @property
    def runs_path(self) -> Path:
        """Folder of the reports of past runs."""
        return self.home / "runs"

    @property
    def analytics_path(self) -> Path:
        """Published DuckDB file of the aggregates."""
        return self.home / "analytics.duckdb"

    @property
    def dagster_path(self) -> Path:
        """Folder of Dagster's own state."""
        return self.home / "dagster"

    @property
    def server_path(self) -> Path:
        """Folder of the embedded server: PostgreSQL's data, logs, pid files."""
        return self.home / "server"


def variable_name(field: str) -> str:
    """Return the environment variable of a setting."""
    return f"CLAIMS_{field.removeprefix('CLAIMS_').upper()}"


def load_settings(*, named: Callable[[str], str] = str, **overrides: Any) -> Settings:
    """Read the settings from the environment; `overrides` (None means "not given") win.

    Args:
        named: returns the name under which a setting was overridden, for messages; its own name by default.
        overrides: values of settings.

    Raises:
        ConfigError: a value is not valid; the message names each variable, or each override.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    if empty := [name for name, value in given.items() if value == ""]:
        message = "; ".join(f"{named(name)}: empty" for name in empty)
        raise ConfigError(message, fix="leave it out to have the default")
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = [_problem(found, given, named) for found in error.errors(include_url=False)]
        raise ConfigError("; ".join(problems), fix="correct it, or leave it out to have the default") from error


_PLAIN_WORDS = {
    "greater_than_equal": "should be {ge:,} or more",
    "less_than_equal": "should be {le:,} or less",
    "greater_than": "should be more than {gt:g}",
    "less_than": "should be less than {lt:g}",
    "int_parsing": "should be a whole number",
    "float_parsing": "should be a number",
    "bool_parsing": "should be 1 or 0",
}
"""What is wrong with a value, by pydantic's type of error."""


def plain_words(found: ErrorDetails) -> str:
    """Return what pydantic found wrong with a value, without the value, which may be a password."""
    if words := _PLAIN_WORDS.get(found["type"]):
        return words.format(**found.get("ctx", {}))
    return found["msg"].removeprefix("Value error, ")


def _problem(found: ErrorDetails, given: Mapping[str, Any], named: Callable[[str], str]) -> str:
    """Return the name of a setting, and what is wrong with it."""
    if not found["loc"]:
        return plain_words(found)
    field = str(found["loc"][0])
    return f"{named(field) if field in given else variable_name(field)}: {plain_words(found)}"


def _is_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    is_plain = not {"?", "#"} & set(text) and not any(map(str.isspace, text))
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and is_plain and (port is None or port > 0)
