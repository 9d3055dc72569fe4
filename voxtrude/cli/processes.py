"""supervisord, which runs the native stack: its configuration, and its socket."""

import http.client
import os
import select
import shlex
import shutil
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from voxtrude import files
from voxtrude.cli.site import SOCKET
from voxtrude.errors import LinkError, SetupError

ALREADY_STARTED, NOT_RUNNING = 60, 70  # supervisor.xmlrpc.Faults
CONFIG = "supervisord.conf"
LOGS = "logs"
AWKWARD = "\"';#\n"  # supervisord's file has no way to write these

_RUNNER = """\
; Written by `voxtrude up`; changes here are lost.
[supervisord]
nodaemon = true
silent = true
logfile = {logs}/supervisord.log
logfile_maxbytes = 1MB
logfile_backups = 2
pidfile = {folder}/supervisord.pid
childlogdir = {logs}
strip_ansi = true
{user}
[unix_http_server]
file = {socket}
chmod = 0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
_PROGRAM = """
[program:{name}]
command = {command}
directory = {folder}
priority = {priority}
autostart = false
autorestart = unexpected
exitcodes = 78
startsecs = 1
startretries = 100
stopwaitsecs = {patience}
stopasgroup = true
redirect_stderr = true
stdout_logfile = {logs}/{name}.log
stdout_logfile_maxbytes = 5MB
stdout_logfile_backups = 3
environment = {environment}
"""


@dataclass(frozen=True, slots=True)
class Program:
    """One process of the stack; those that come first in a stack are stopped last."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    patience: int = 10  # seconds from SIGTERM to SIGKILL


@dataclass(frozen=True, slots=True)
class Process:
    """How a program is; ``state`` is supervisord's word for it, in lower case."""

    name: str
    state: str
    pid: int | None
    started_at: int | None
    detail: str

    @property
    def runs(self) -> bool:
        """Whether it does."""
        return self.state == "running"

    @property
    def has_failed(self) -> bool:
        """Whether it will not be started again, or was and failed again."""
        return self.state in {"fatal", "exited", "backoff"}


def configure(folder: Path, programs: Iterable[Program]) -> None:
    """Write supervisord's configuration.

    Raises:
        SetupError: A path or a setting cannot stand in it, or the folder is not ours.
    """
    logs = folder / LOGS
    try:
        logs.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SetupError(f"--data-dir: cannot write {logs}: {error.strerror}") from None
    text = _RUNNER.format(
        folder=_escaped(folder),
        logs=_escaped(logs),
        socket=_escaped(folder / SOCKET),
        user="user = root\n" if os.getuid() == 0 else "",
    )
    text += "".join(
        _PROGRAM.format(
            name=program.name,
            command=_escaped(shlex.join([*_leash(), *program.command])),
            folder=_escaped(folder),
            logs=_escaped(logs),
            priority=place,
            patience=program.patience,
            environment=",".join(
                f'{name}="{checked(name, value)}"' for name, value in program.environment.items()
            ),
        )
        for place, program in enumerate(programs, start=1)
    )
    files.write(folder / CONFIG, text.encode())


def launch(
    folder: Path, environment: Mapping[str, str], *, leashed: bool
) -> "subprocess.Popen[bytes]":
    """Start supervisord in a session of its own; ``leashed`` it ends when we do."""
    command = [*(_leash() if leashed else ()), sys.executable, "-m", "supervisor.supervisord"]
    with (folder / LOGS / "supervisord.out").open("wb") as output:
        return subprocess.Popen(  # noqa: S603  (our own interpreter and our own file)
            [*command, "-n", "-c", str(folder / CONFIG)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=dict(environment),
            # A Ctrl-C in our terminal is for us: we end the others in order.
            start_new_session=True,
        )


def last_line(path: Path) -> str:
    """Return a log's last line, empty where there is none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


class Supervisord:
    """A running supervisord, behind its socket.

    Every call raises LinkError where there is none (any more).
    """

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def processes(self) -> list[Process]:
        """Return how each program is."""
        return [
            Process(
                name=one["name"],
                state=str(one["statename"]).lower(),
                pid=one["pid"] or None,
                started_at=one["start"] or None,
                detail=one["spawnerr"] or one["description"],
            )
            for one in self._call("getAllProcessInfo")
        ]

    def start(self, name: str) -> None:
        """Start a program; it may run already."""
        wait = False  # its readiness is more than that it runs
        self._call("startProcess", name, wait, harmless=ALREADY_STARTED)

    def stop(self, name: str) -> None:
        """Stop a program and return once it has ended; it may have ended before."""
        self._call("stopProcess", name, harmless=NOT_RUNNING)

    def pid(self) -> int:
        """Return supervisord's own."""
        return int(self._call("getPID"))

    def shutdown(self, deadline: float) -> None:
        """End every program and supervisord; return when all are gone.

        Raises:
            LinkError: It took longer than ``deadline`` seconds.
        """
        pids = [self.pid(), *(one.pid for one in self.processes() if one.pid)]
        watched = [handle for pid in pids if (handle := _handle(pid)) is not None]
        try:
            self._call("shutdown")
            end = time.monotonic() + deadline
            while watched:
                ready, _, _ = select.select(watched, [], [], max(end - time.monotonic(), 0))
                if not ready:
                    raise LinkError("the stack does not end; see its logs")
                for handle in ready:
                    watched.remove(handle)
                    os.close(handle)
        finally:
            for handle in watched:
                os.close(handle)

    def _call(self, method: str, *arguments: object, harmless: int | None = None) -> Any:  # noqa: ANN401  (XML-RPC)
        # Only the native stack has supervisor installed; the rest of the tool goes without.
        from supervisor.xmlrpc import (  # type: ignore[import-untyped]  # noqa: PLC0415
            SupervisorTransport,
        )

        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != harmless:
                raise LinkError(f"supervisord: {method}: {fault.faultString}") from None
        except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
            raise LinkError(f"no supervisord at {self._socket}: {error}") from None
        return None


def _handle(pid: int) -> int | None:
    """Return a descriptor that becomes readable when the process has ended."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _leash() -> tuple[str, ...]:
    """Return what makes a process end when its parent dies, whatever kills that one."""
    path = shutil.which("setpriv")
    return (path, "--pdeathsig", "TERM", "--") if path else ()


def _escaped(value: object) -> str:
    return str(value).replace("%", "%%")


def checked(name: str, value: str) -> str:
    """Return a value as supervisord's file writes it.

    Raises:
        SetupError: The file has no way to write it; ``name`` is what to change.
    """
    if any(character in value for character in AWKWARD):
        raise SetupError(f"{name}: quotes, ; and # cannot be used here")
    return _escaped(value)
