"""`python -m claims_pipeline.cli` is the `claims` command."""

from claims_pipeline.cli import main

main()
