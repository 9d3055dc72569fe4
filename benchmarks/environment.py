"""A service as its image holds it: a virtual environment with its own requirements alone.

The checkout's environment has the tools of all of us, and some libraries load others that
they merely find; a figure of memory would be theirs.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TIMEOUT = 300.0


def python(service: str = "ingest") -> str:
    """Return the interpreter of a service's own environment, made anew where it has changed."""
    folder = Path.home() / ".cache" / "voxtrude-benchmarks" / service
    requirements = ROOT / "requirements" / f"{service}.txt"
    done, program = folder / "installed", folder / "bin" / "python"
    if not done.exists() or done.read_bytes() != requirements.read_bytes():
        _run(sys.executable, "-m", "venv", "--clear", str(folder))
        _run(str(program), *_PIP, "--require-hashes", "-r", str(requirements))
        done.write_bytes(requirements.read_bytes())
    with tempfile.TemporaryDirectory() as wheels:
        _run(
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-build-isolation", "--wheel-dir", wheels, str(ROOT)),
        )
        (wheel,) = Path(wheels).glob("voxtrude-*.whl")
        _run(str(program), *_PIP, "--no-deps", "--force-reinstall", str(wheel))
    return str(program)


_PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")


def _run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True, timeout=TIMEOUT)
