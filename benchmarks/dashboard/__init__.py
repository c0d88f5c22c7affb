"""Time and memory of the dashboard: `python -m benchmarks.dashboard --help`."""
