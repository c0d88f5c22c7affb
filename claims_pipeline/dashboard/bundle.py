"""Vega, Vega-Lite and vega-embed as one script, taken from vl_convert's wheel: no content-delivery network.

`python -m claims_pipeline.dashboard.bundle <file>` writes it. That takes 2 to 3 seconds and 149 MB, so it is done in
another process, once for each version of vl_convert.
"""

import subprocess
import sys
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from claims_pipeline.errors import ServiceError
from claims_pipeline.files import write_atomically

EXPORTED = "window.vegaEmbed = vegaEmbed;"


def bundle_name() -> str:
    """Return the name of the script's file, another one for each content."""
    exported = sha256(EXPORTED.encode()).hexdigest()[:8]
    return f"vega-{version('vl-convert-python')}-{exported}.js"


def vega_bundle(cache: Path) -> Path:
    """Return the script's file, and make it if it is not there.

    Raises:
        ServiceError: it could not be made.
    """
    file = cache / bundle_name()
    if not file.exists():
        made = subprocess.run([sys.executable, "-m", __name__, str(file)], capture_output=True, text=True, check=False)
        if made.returncode:
            last_line = made.stderr.strip().splitlines()[-1:]
            raise ServiceError(
                f"the script that draws the charts could not be made: {' '.join(last_line)}",
                where=str(file),
                fix="is the folder writable? CLAIMS_CACHE=<folder> names another one",
            )
    return file


if __name__ == "__main__":
    import vl_convert

    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, vl_convert.javascript_bundle(EXPORTED).encode())
