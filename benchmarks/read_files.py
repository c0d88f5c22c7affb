"""FHIR files read, checked, resolved and ordered: megabytes and resources a second, and the peak of memory.

Run: python -m benchmarks.read_files [claims] [ndjson|bundle]   (default 200,000 claims as NDJSON, one round)
"""

import json
import resource
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

from benchmarks.render import sample_claims
from claims_pipeline import schema
from claims_pipeline.fhir import render
from claims_pipeline.load.sources.files import read_files

BATCH = 10_000


def write_claims(file: Path, count: int, as_bundle: bool) -> None:
    """Write claims, after them the patients that they name, a line each or as one transaction."""
    with file.open("w", encoding="utf-8") as out:
        lines = (line for start in range(0, count, BATCH) for line in _lines(start, min(BATCH, count - start)))
        if not as_bundle:
            out.writelines(f"{line}\n" for line in lines)
            return
        out.write('{"resourceType":"Bundle","type":"transaction","entry":[')
        for number, line in enumerate(lines):
            entry = f'{{"fullUrl":"urn:uuid:{number}","request":{{"method":"POST","url":"x"}},"resource":{line}}}'
            out.write(("," if number else "") + entry + "\n")
        out.write("]}")


def _lines(start: int, count: int) -> list[str]:
    claims = render(schema.CLAIMS, sample_claims(count))
    prefix = f"claim-{start:08}-"
    patients = sorted({reference for (reference, *_) in claims["references"].to_list() if "Patient" in reference})
    people = [json.dumps({"resourceType": "Patient", "id": name.removeprefix("Patient/")}) for name in patients]
    return [body.replace("claim-20250105-", prefix) for body in claims["body"]] + people


def main() -> None:
    """Print what reading and giving out again take."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    as_bundle = sys.argv[2:] == ["bundle"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "claims.json"
        writer = get_context("spawn").Process(target=write_claims, args=(file, count, as_bundle))
        writer.start()  # a process of its own, so that the peak below is that of reading
        writer.join()
        megabytes = file.stat().st_size / 1e6
        begin = time.perf_counter()
        with read_files([str(file)], Path(folder) / "spool") as found:
            read = time.perf_counter()
            given = sum(chunk.height for chunk in found.chunks())
            end = time.perf_counter()
            resources = found.count + found.identical_count
            print(f"rejected {found.rejected_count}, tiers {found.tier_count}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        f"{megabytes:,.0f} MB, {resources:,} resources: read {read - begin:.1f} s "
        f"({megabytes / (read - begin):.0f} MB/s, {resources / (read - begin):,.0f}/s), "
        f"given out {end - read:.1f} s ({given / (end - read):,.0f}/s), peak {peak:,.0f} MB"
    )


if __name__ == "__main__":
    main()
