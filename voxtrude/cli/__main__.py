"""``voxtrude``: every command, and how its errors end."""

import sys
from typing import Annotated

import typer

from voxtrude import __version__, logs
from voxtrude.cli import accounts, backup, doctor, opcua, printers, simulate, up, watch
from voxtrude.errors import LinkError, SetupError
from voxtrude.process import EXIT_SETUP, EXIT_UNAVAILABLE
from voxtrude.settings import Log

INTERRUPTED = 130

app = typer.Typer(
    name="voxtrude",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(up.up)
app.command()(up.down)
app.command()(up.status)
app.add_typer(printers.app, name="printer")
app.add_typer(accounts.app, name="account")
app.add_typer(accounts.admin, name="admin")
app.add_typer(opcua.app, name="opcua")
app.command()(watch.watch)
app.command()(doctor.doctor)
app.command()(simulate.simulate)
app.command()(up.migrate)
app.command()(backup.backup)
app.command()(backup.restore)


def _version(asked: bool) -> None:  # noqa: FBT001  (Typer calls it)
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Ask your 3D printers how they are. Everything reads VOXTRUDE_* settings, too."""


def main() -> int:
    """Run one command; return the exit code of what stopped it.

    Typer ends the process itself where a command is done or was called wrongly.
    """
    logs.configure(Log(format="text" if sys.stderr.isatty() else "json"), service="cli")
    try:
        app()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BaseExceptionGroup as group:
        return _told(_first(group))
    except (SetupError, LinkError) as error:
        return _told(error)
    return 0


def _told(error: BaseException) -> int:
    if not isinstance(error, SetupError | LinkError):
        raise error
    typer.echo(f"voxtrude: {error}", err=True)
    return EXIT_SETUP if isinstance(error, SetupError) else EXIT_UNAVAILABLE


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    sys.exit(main())
