"""Benchmarks: each measures its floor beside itself, in the same run; `make bench` runs them all."""
