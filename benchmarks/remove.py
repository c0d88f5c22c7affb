"""How long the removal of a foreign set takes beside its load, and how fast rejections are recorded.

Run: python -m benchmarks.remove [--patients 200] [--rejections 100000]
"""

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.embedded import running_server
from claims_pipeline.load import load_files, remove
from claims_pipeline.load.ledger.settling import settle
from claims_pipeline.load.ledger.store import open_ledger
from claims_pipeline.load.pipeline.rejections import DeadLetters
from claims_pipeline.load.resource import Resource, Result
from claims_pipeline_tests.load.clinical_set import write_clinical_set

BUNDLE = 100


def compare_removal(patients: int) -> None:
    """Print the seconds of a load of foreign resources with circles, and of its removal."""
    with running_server() as settings:
        count = write_clinical_set(settings.home / "set", "bench", patients=patients)
        loaded = load_files([str(settings.home / "set")], settings)
        removed = remove(settings)
        ratio = removed.seconds / loaded.seconds
        print(f"{count:,} resources: load {loaded.seconds:.1f} s, removal {removed.seconds:.1f} s, {ratio:.2f} of it")


def record_rejections(count: int) -> None:
    """Print how many rejections a second go into the dead letters and the ledger."""
    claim = Resource("Claim", "", "hash", "", "claims/2025-01-01", "{}", ["Patient/p-1"])
    results = [Result(claim._replace(resource_id=f"c-{number}"), "rejected", text="because") for number in range(count)]
    with tempfile.TemporaryDirectory() as folder, open_ledger(Path(folder) / "ledger.sqlite") as ledger:
        letters = DeadLetters(ledger)
        began = time.perf_counter()
        for start in range(0, count, BUNDLE):
            letters.add(results[start : start + BUNDLE], "claims")
            settle(ledger, results[start : start + BUNDLE], "claims")
        letters.close()
        seconds = time.perf_counter() - began
    print(f"{count:,} rejections: {count / seconds:,.0f} a second")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--rejections", type=int, default=100_000)
    given = parser.parse_args()
    record_rejections(given.rejections)
    compare_removal(given.patients)
