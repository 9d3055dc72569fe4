"""The groups of settings that more than one service reads, and how settings are read.

``VOXTRUDE_<GROUP>_<NAME>``; each also as ``VOXTRUDE_<GROUP>_<NAME>_FILE``, a file that
holds the value (a Docker secret). A name that nothing reads is an error, since it is
most often a misspelt one.
"""

import difflib
import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from voxtrude.errors import SetupError
from voxtrude.retention import Retention

PREFIX = "VOXTRUDE_"
FILE_SUFFIX = "_FILE"


class Group(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Mqtt(Group):
    """VOXTRUDE_MQTT_*: where the broker is and who we are to it."""

    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(1883, ge=1, le=65535)
    username: str | None = None
    password: SecretStr | None = None
    tls: bool = False
    ca_file: Path | None = Field(None, description="PEM of the authority that signed the broker")
    keep_alive: int = Field(4, ge=2, le=600, description="seconds")


class Mongo(Group):
    """VOXTRUDE_MONGO_*: where the database is, and which driver speaks to it."""

    url: SecretStr = SecretStr("mongodb://127.0.0.1:27017")
    database: str = Field("voxtrude", pattern=r"^[A-Za-z0-9_-]{1,63}$")
    driver: Literal["motor", "pymongo"] = "motor"


Lasting = Annotated[timedelta, Field(gt=timedelta())]


class Keep(Group):
    """VOXTRUDE_KEEP_*: for how long, as ISO 8601 durations (P10D) or seconds."""

    printers: Lasting = Retention().printers
    jobs: Lasting = Retention().jobs
    quarantine: Lasting = Retention().quarantine
    unknown: Lasting = Retention().unknown
    readings: Lasting = Retention().readings
    tokens: Lasting = Retention().tokens

    def retention(self) -> Retention:
        """Return the same for the store."""
        return Retention(**dict(self))


class Announce(Group):
    """VOXTRUDE_ANNOUNCE_*: how often other services hear of one printer, at the most."""

    interval: float = Field(0.2, ge=0, le=60, description="seconds")


class Public(Group):
    """VOXTRUDE_PUBLIC_*: how printers and people reach this installation."""

    host: str = Field("localhost", min_length=1, description="a host name or an IP address")
    url: str | None = Field(
        None,
        pattern=r"^https?://[0-9A-Za-z.:\[\]-]+$",
        description="of the portal as people and Alexa reach it; default: http, host and port",
    )


class Log(Group):
    """VOXTRUDE_LOG_*: how loud we are."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["auto", "json", "text"] = "auto"


class Settings(BaseSettings):
    """What every service reads; each adds its own groups in its settings.py."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        case_sensitive=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    log: Log = Log()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (replaced by ours)
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (compose reads .env)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (we have _FILE)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment with its files."""
        return init_settings, _Environment(settings_cls)


class _Environment(EnvSettingsSource):
    """The environment, where ``NAME_FILE`` stands for the contents of a file."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        # The parent folds names to lower case unless told not to; ours are exact, and
        # its lookup goes by field name, which is lower case.
        self.env_vars = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in _values(os.environ, set(names(settings_cls))).items()
        }
        self.env_prefix = ""


S = TypeVar("S", bound=Settings)


def load(settings: type[S]) -> S:
    """Read ``settings`` from the environment.

    Raises:
        SetupError: A value is wrong or a name is unknown; the message says which.
    """
    try:
        return settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        raise SetupError(f"{name}: {first['msg'][0].lower()}{first['msg'][1:]}") from None


def names(settings: type[BaseModel], prefix: str = PREFIX) -> Iterator[str]:
    """Yield the environment variable of every setting."""
    for name, field in settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Group):
            yield from names(kind, f"{prefix}{name.upper()}_")
        else:
            yield f"{prefix}{name.upper()}"


def given(*prefixes: str) -> dict[str, str]:
    """Return our environment's settings that begin with ``VOXTRUDE_<prefix>``, for a child."""
    wanted = tuple(PREFIX + prefix for prefix in prefixes)
    return {name: value for name, value in os.environ.items() if name.startswith(wanted)}


def foreign() -> dict[str, str]:
    """Return our environment without any setting: a child does not know those of another."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def _values(environment: Mapping[str, str], known: set[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name in sorted(environment):
        if not name.startswith(PREFIX):
            continue
        if name in known:
            values[name] = environment[name]
        elif name.removesuffix(FILE_SUFFIX) in known:
            values[name.removesuffix(FILE_SUFFIX)] = _contents(name, environment[name])
        else:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise SetupError(f"{name}: there is no such setting{hint}")
    return values


def _contents(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise SetupError(f"{name}: cannot read {path}: {reason}") from None
