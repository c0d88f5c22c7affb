"""Write the reference of the command line: `python -m claims_pipeline_tests.cli.reference docs/cli.md`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "cli.md"
HEAD = """# The command line

Made from the code by `make docs`. Most options have a setting of the same meaning, see the
[README](../README.md#settings); the option wins. Exit codes: 0 all that was asked for is done, 1 something failed or
was rejected, 2 wrong usage or settings (also when a file, folder, day or id that is named does not exist), 3 the FHIR
server could not be reached, 130 interrupted.
"""


def reference() -> str:
    """Return the page as it should be."""
    command = [sys.executable, "-m", "typer", "claims_pipeline.cli", "utils", "docs", "--name", "claims"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    first_command = next(number for number, line in enumerate(lines) if line.startswith("## "))
    text = "\n".join(line for line in lines[first_command:] if line != "* `--help`: Show this message and exit.")
    for entity, character in (("&gt;", ">"), ("&lt;", "<"), ("&quot;", '"'), ("&#x27;", "'"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return f"{HEAD}\n{text.rstrip()}\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
