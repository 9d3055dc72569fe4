"""schemathesis plays against the API what its OpenAPI document promises, with all checks."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.portals import Portal
from tests.integration.programs import token

pytestmark = pytest.mark.integration

EXAMPLES = 15  # of each operation; the fixed seed makes them the same each time
SEED = 4
PATIENCE = "2"  # seconds for which a stream is read
DEADLINE = 400.0  # seconds


@pytest.mark.timeout(DEADLINE)
@pytest.mark.parametrize("who", ["an administrator", "a member", "nobody"])
def test_every_answer_is_what_the_document_promises(
    portal: Portal, who: str, tmp_path: Path
) -> None:
    owner = {"an administrator": portal.admin, "a member": portal.member}.get(who)
    header = [] if owner is None else ["--header", f"Authorization: Bearer {token(owner())}"]
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"{portal.url}/api/openapi.json",
            *("--checks", "all"),
            *("--max-examples", str(EXAMPLES)),
            *("--seed", str(SEED)),
            *("--request-timeout", PATIENCE),
            *("--generation-database", "none"),
            "--continue-on-failure",
            "--no-color",
            *header,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    assert "unexpectedly" not in portal.skill.said
