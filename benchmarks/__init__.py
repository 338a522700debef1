"""Figures that the project is held to; docs/benchmarks.md explains how to read them."""
