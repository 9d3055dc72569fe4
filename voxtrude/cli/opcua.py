"""``voxtrude opcua …``: who may come in over OPC UA, and whether a server is right."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from voxtrude.cli import site
from voxtrude.cli.options import AsJson, DataDir
from voxtrude.cli.output import age, console, remarks, show_facts, show_json, show_table
from voxtrude.cli.settings import CliSettings
from voxtrude.credentials import new_secret
from voxtrude.errors import SetupError
from voxtrude.opcua import access, browse
from voxtrude.opcua.browse import Shown
from voxtrude.opcua.check.client import Access
from voxtrude.opcua.check.findings import Severity
from voxtrude.opcua.check.server import CheckedMachine, Report, check
from voxtrude.opcua.settings import Opcua
from voxtrude.opcua.trust import Kept, Trust, read_certificate
from voxtrude.opcua.users import Users
from voxtrude.process import EXIT_UNAVAILABLE, utc_now
from voxtrude.settings import load

app = typer.Typer(help="OPC UA: users, certificates, checks.", no_args_is_help=True)
user = typer.Typer(help="Who may log in.", no_args_is_help=True)
app.add_typer(user, name="user")

SHOWN = 20  # findings of one machine

BRIEFLY = (
    ("state", "/MachineryItemState/CurrentState"),
    ("program", "/ActiveProgram/State/CurrentState"),
    ("progress", "/ActiveProgram/Progress"),
    ("tool0", "/tool0/AnalogSignal"),
    ("file", "/ActiveProgram/Name"),
)
"""What the list of machines shows: headings, and the ends of our NodeIds."""

Name: TypeAlias = Annotated[str, typer.Argument(help="The user's name.")]
Url: TypeAlias = Annotated[
    str | None, typer.Argument(help="opc.tcp://host:port; default: the native stack's.")
]
User: TypeAlias = Annotated[str | None, typer.Option("--user", help="Log in as this user.")]
PasswordFile: TypeAlias = Annotated[
    Path | None, typer.Option(help="The password; without it, it is asked for.", dir_okay=False)
]
Insecure: TypeAlias = Annotated[
    bool, typer.Option("--insecure", help="Connect without encryption and without a user.")
]


@user.command("add")
def add_user(
    name: Name,
    *,
    certificate: Annotated[
        Path | None,
        typer.Option(help="Let this certificate (PEM or DER) log in, instead of a password."),
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="Take the password from this file.", dir_okay=False)
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let somebody log in; without a file the password is generated and shown once."""
    users = Users(_settings(data_dir).users)
    known = read_certificate(certificate) if certificate else None
    password = None
    if password_file:
        password = _secret(password_file)
    elif known is None:
        password = new_secret()
    users.add(name, password=password, certificate=known)
    shown = None if password_file else password
    if as_json:
        show_json({"user": name, "password": shown})
        return
    console.print(f"{name} may log in now.", style="bold green", markup=False)
    if shown:
        show_facts([("User", name), ("Password (shown only once)", shown)])


@user.command("list")
def list_users(data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """List who may log in, and how."""
    users = Users(_settings(data_dir).users).all()
    if as_json:
        show_json(
            [
                {"user": one.name, "password": bool(one.password), "certificates": one.certificates}
                for one in users
            ]
        )
        return
    show_table(
        ("user", "password", "certificates"),
        ((one.name, "yes" if one.password else "", str(len(one.certificates))) for one in users),
    )


@user.command("remove")
def remove_user(name: Name, data_dir: DataDir = None) -> None:
    """Let somebody log in no more; sessions that are open end within seconds."""
    Users(_settings(data_dir).users).remove(name)
    console.print(f"{name} may log in no more", markup=False)


@app.command("trust")
def trust(
    certificate: Annotated[
        str | None,
        typer.Argument(help="A file, or the beginning of a rejected certificate's thumbprint."),
    ] = None,
    *,
    last: Annotated[bool, typer.Option("--last", help="The one that was rejected last.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Trust a client's certificate; it may connect at once."""
    store = Trust(_settings(data_dir).pki)
    if last is (certificate is not None):
        raise SetupError(
            "say which: a file, a thumbprint, or --last; see `voxtrude opcua certificates`"
        )
    if certificate is None:
        certificate = _confirmed(store)
    kept = store.trust(certificate)
    console.print(f"{kept.name} ({kept.thumbprint}) is trusted", markup=False)


def _confirmed(store: Trust) -> str:
    """Return which certificate was rejected last, after showing it to whoever is there."""
    one = store.last_rejected()
    if sys.stdin.isatty():
        ago = age(one.since, utc_now())
        typer.confirm(f"Trust {one.name} ({one.thumbprint}), rejected {ago}?", abort=True)
    return one.thumbprint


@app.command("distrust")
def distrust(
    thumbprint: Annotated[str, typer.Argument(help="The beginning of its thumbprint.")],
    data_dir: DataDir = None,
) -> None:
    """Trust a client's certificate no longer."""
    kept = Trust(_settings(data_dir).pki).distrust(thumbprint)
    console.print(f"{kept.name} ({kept.thumbprint}) is trusted no longer", markup=False)


@app.command("certificates")
def certificates(data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """List the certificates of clients: which are trusted, which were rejected."""
    store = Trust(_settings(data_dir).pki)
    found = [("rejected", one) for one in store.rejected()]
    found += [("trusted", one) for one in store.trusted()]
    now = utc_now()
    if as_json:
        show_json([{"standing": standing, **_facts(one)} for standing, one in found])
        return
    show_table(
        ("standing", "name", "thumbprint", "since"),
        ((standing, one.name, one.thumbprint[:16], age(one.since, now)) for standing, one in found),
    )


@app.command("check")
def check_server(
    url: Url = None,
    *,
    username: User = None,
    password_file: PasswordFile = None,
    insecure: Insecure = False,
    machines: Annotated[
        int | None, typer.Option(min=1, help="Check no more machines than so many.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Check an OPC UA server as a umati client sees it; the exit code is 69 if it is not right.

    Every machine is compared with its types, and everything is subscribed to.
    """
    server, login = _server(url, username, password_file, data_dir, insecure=insecure)
    report = asyncio.run(check(server, login, limit=machines))
    if as_json:
        show_json(asdict(report))
    else:
        _show(report)
    if report.count(Severity.BAD):
        raise typer.Exit(EXIT_UNAVAILABLE)


@app.command("browse")
def browse_server(
    machine: Annotated[
        str | None, typer.Argument(help="A machine's name or id; default: all, briefly.")
    ] = None,
    *,
    url: Annotated[
        str | None, typer.Option(help="opc.tcp://host:port; default: the native stack's.")
    ] = None,
    username: User = None,
    password_file: PasswordFile = None,
    insecure: Insecure = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the machines of an OPC UA server, or all nodes and values of one."""
    server, login = _server(url, username, password_file, data_dir, insecure=insecure)
    found = asyncio.run(browse.browse(server, login, machine))
    if as_json:
        show_json([[asdict(node) for node in nodes] for nodes in found])
    elif machine is None:
        show_table(
            ("machine", *(title for title, _ in BRIEFLY)),
            ((nodes[0].name, *(_value(nodes, path) for _, path in BRIEFLY)) for nodes in found),
        )
    else:
        for node in found[0]:
            console.print(
                f"{'  ' * node.depth}{node.name}",
                f"= {node.value}" if node.at or node.value else "",
                f"({node.status})" if node.status else "",
                markup=False,
                soft_wrap=True,
            )


def _value(nodes: Sequence[Shown], path: str) -> str:
    """Return the value of the node whose NodeId ends in ``path``; an old one in brackets."""
    found = next((one for one in nodes if one.node_id.endswith(path)), None)
    if found is None:
        return ""
    return f"({found.value})" if found.status else found.value


def _server(
    url: str | None,
    username: str | None,
    password_file: Path | None,
    data_dir: Path | None,
    *,
    insecure: bool,
) -> tuple[str, Access]:
    """Return which server is meant, and how to come in."""
    settings = _settings(data_dir)
    if url is None:
        stack = site.find(data_dir).stack
        if stack is None:
            raise SetupError("say which server: opc.tcp://host:4840")
        url = stack.opcua_url
        if username is None:
            username, password_file = access.CHECK, access.check_secret(settings.data)
    return url, _access(settings, username, password_file, insecure=insecure)


def _access(
    settings: Opcua, username: str | None, password_file: Path | None, *, insecure: bool
) -> Access:
    if insecure:
        return Access()
    ours = access.client(settings, utc_now())
    password = None
    if username is not None:
        password = (
            _secret(password_file)
            if password_file
            else typer.prompt(f"Password of {username}", hide_input=True, err=True)
        )
    return Access(
        username=username, password=password, certificate=ours.certificate_path, key=ours.key_path
    )


def _show(report: Report) -> None:
    show_facts(
        [
            ("server", report.url),
            ("offers", ", ".join(report.security)),
            ("certificate", report.thumbprint or "none"),
            ("machines", str(len(report.machines) + report.passed)),
            ("subscribed", f"{report.subscribed} variables sent a first value"),
        ]
    )
    for finding in report.findings:
        _say(finding.severity, str(finding))
    for machine in report.machines:
        _show_machine(machine)
    wrong, notes = report.count(Severity.BAD), report.count(Severity.NOTE)
    if report.passed:
        remarks.print(f"{report.passed} machines were not looked at")
    if wrong:
        console.print(f"{wrong} findings break a specification, {notes} are notes", style="red")
    else:
        console.print(f"a umati client gets all it needs; {notes} notes", style="bold green")


def _show_machine(machine: CheckedMachine) -> None:
    console.print(
        f"{machine.name} ({machine.node_id}): {machine.type}, "
        f"{machine.nodes} nodes, {machine.variables} variables",
        style="bold",
        markup=False,
        soft_wrap=True,
    )
    for finding in machine.findings[:SHOWN]:
        _say(finding.severity, str(finding))
    if len(machine.findings) > SHOWN:
        console.print(f"     … and {len(machine.findings) - SHOWN} more")


def _say(severity: Severity, text: str) -> None:
    wrong = severity is Severity.BAD
    console.print("BAD " if wrong else "note", style="bold red" if wrong else "yellow", end=" ")
    console.print(text, markup=False, soft_wrap=True)


def _facts(one: Kept) -> dict[str, object]:
    return {
        "name": one.name,
        "thumbprint": one.thumbprint,
        "since": one.since,
        "file": str(one.path),
        "ends_at": one.certificate.not_valid_after_utc,
    }


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SetupError(f"--password-file: cannot read {path}") from None


def _settings(data_dir: Path | None) -> Opcua:
    """Return the settings of the native stack's server, or of the one that is configured."""
    settings = load(CliSettings)
    place = site.folder(data_dir)
    stack = site.read(place)
    if stack is None and data_dir is not None:
        raise SetupError(f"--data-dir: there is no stack in {place}; `voxtrude up` makes one")
    return site.stacked(settings, stack, place).opcua if stack else settings.opcua
