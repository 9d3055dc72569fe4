"""The options that several commands share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

DataDir: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder of the native stack.",
        show_default=".voxtrude",
        file_okay=False,
    ),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Printer: TypeAlias = Annotated[str, typer.Argument(help="Its id, or its name.")]
