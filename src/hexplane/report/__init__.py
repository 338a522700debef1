"""The report: one self-contained page, and one table over all metrics."""
