"""The report: one self-contained page, and figures; what they say comes from `analysis`."""
