"""Benchmarks: `python -m bench` prints tables; nothing here passes or fails."""
