"""`claims generate`."""

from pathlib import Path
from typing import Annotated

import typer

from claims_pipeline.cli.app import JsonOption, app, err, finish
from claims_pipeline.cli.day_progress import day_progress
from claims_pipeline.cli.options import parsed_day, settings_with
from claims_pipeline.errors import ConfigError

Claims = Annotated[
    int | None,
    typer.Option(min=1, show_default="10000 a year, or 4.2 for each of --patients", help="Claims over the range."),
]
Patients = Annotated[
    int | None, typer.Option(min=1, show_default="one for 4.2 claims a year", help="People in the population.")
]
StartDate = Annotated[str | None, typer.Option(show_default="2025-01-01", help="First day received.")]
EndDate = Annotated[
    str | None, typer.Option(show_default="365 days, yesterday at the latest", help="Last day received.")
]
Until = Annotated[
    str | None,
    typer.Option(metavar="DAY", help="Go on with a lake after its feed's last day: add the days until this one."),
]
Seed = Annotated[
    int | None, typer.Option(min=0, show_default="20250101", help="Another seed gives other people and claims.")
]
Irregularities = Annotated[
    float | None,
    typer.Option(min=0, max=0.2, show_default="0", help="Share of claims to make irregular, each with a label."),
]
Output = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        show_default="the lake of CLAIMS_HOME",
        help="Folder, or file x.json or x.json.gz for one Bundle.",
    ),
]
Form = Annotated[
    str | None,
    typer.Option(
        "--format",
        show_default="parquet, or json for x.json and x.json.gz",
        help="parquet (a lake), ndjson (FHIR Bulk Data), bundles (transactions) or json (one Bundle).",
    ),
]
Compress = Annotated[
    bool, typer.Option("--gzip", help="Compress ndjson, bundles and json; x.json.gz is compressed anyway.")
]
Jobs = Annotated[
    int, typer.Option(min=1, help="Chunks of days, or parts of a year's visits, worked on at the same time.")
]


@app.command()
def generate(
    claims: Claims = None,
    patients: Patients = None,
    start_date: StartDate = None,
    end_date: EndDate = None,
    until: Until = None,
    seed: Seed = None,
    irregularities: Irregularities = None,
    output: Output = None,
    form: Form = None,
    compress: Compress = False,
    jobs: Jobs = 2,
    as_json: JsonOption = False,
) -> None:
    """Generate a feed of claims: a lake, or FHIR files for any server.

    Options that are not given are those of the lake at the output, if there is one. The same options give the same
    bytes; files that are there already with equal content are not written again.

    Example: claims generate --claims 10000 --start-date 2025-01-01 --format ndjson --output out

    Example: claims generate --until 2026-01-01
    """
    from claims_pipeline.export import chosen_format, extend, produce, require_target
    from claims_pipeline.lake import requested_feed

    if output == "":
        raise ConfigError(
            "--output: the name of a file or folder is empty", fix="leave it out for the lake of CLAIMS_HOME"
        )
    settings = settings_with(
        claims=claims,
        patients=patients,
        start_date=start_date,
        end_date=end_date,
        seed=seed,
        irregularities=irregularities,
    )
    target = Path(output).expanduser().absolute() if output else settings.lake_path
    chosen, is_compressed = chosen_format(target, form, compress=compress)
    if until is not None and chosen != "parquet":
        raise ConfigError(
            "--until goes on with a lake; files hold the feed's own days",
            fix="leave --until out; --end-date sets the feed's last day",
        )
    last_day = None if until is None else parsed_day("--until", until)
    require_target(target, chosen)
    feed = requested_feed(target, settings)
    err.print(f"seed {feed.seed}, {feed.claims:,} claims, {feed.patients:,} people, {feed.start_date}..{feed.end_date}")
    with day_progress("generating") as on_progress:
        if last_day:
            report = extend(feed, target, until=last_day, jobs=jobs, on_progress=on_progress)
        else:
            report = produce(feed, target, form=chosen, compress=is_compressed, jobs=jobs, on_progress=on_progress)
    finish(report, settings, as_json=as_json)
