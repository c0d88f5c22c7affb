"""Memory stays flat however large the input: measured in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from claims_pipeline_tests.load.sources.samples import observation, patient

MEGABYTES = 500
PEAK_OF_READING = f"""
import resource, sys
from pathlib import Path
from claims_pipeline.load.sources.files import read_files

with read_files([sys.argv[1]], Path(sys.argv[2])) as found:
    rows = sum(chunk.height for chunk in found.chunks())
    refused = sum(chunk.height for chunk in found.rejected())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
assert peak < {MEGABYTES}, peak
print(rows, refused)
"""


def lines(count: int) -> Iterator[str]:
    note = [{"text": "x" * 3_000}]
    for number in range(count):
        yield json.dumps(observation(f"o{number}", f"Patient/p{number % 1000}", note=note))
    for number in range(1000):
        yield json.dumps(patient(f"p{number}"))


@pytest.mark.slow
@pytest.mark.parametrize("as_bundle", [False, True], ids=["ndjson", "bundle"])
def test_600_mb_are_read_in_less_than_500_mb(tmp_path: Path, as_bundle: bool) -> None:
    count = 180_000
    file = tmp_path / "input.json"
    with file.open("w") as out:
        if as_bundle:
            out.write('{"resourceType":"Bundle","type":"collection","entry":[{"resource":')
            out.writelines(f'{line}}},{{"resource":' for line in lines(count))
            out.write(json.dumps(patient("last")) + "}]}")
        else:
            out.writelines(f"{line}\n" for line in lines(count))
    assert file.stat().st_size > 550_000_000

    assert read(file) == [count + 1000 + as_bundle, 0]


@pytest.mark.slow
def test_500_000_lines_that_are_refused_take_less_than_500_mb(tmp_path: Path) -> None:
    count = 500_000
    file = tmp_path / "input.ndjson"
    with file.open("w") as out:
        out.writelines(f'{{"resourceType":"Patient","id":"p_{number}"}}\n' for number in range(count))

    assert read(file) == [0, count]


def read(file: Path) -> list[int]:
    """Return the numbers of resources and refusals of a file, read in less than `MEGABYTES`."""
    command = [sys.executable, "-c", PEAK_OF_READING, str(file), str(file.parent / "spool")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [int(number) for number in done.stdout.split()]
