"""Speed and memory, measured. Run from the repository: `python -m benchmarks.load --help`, and so on."""
