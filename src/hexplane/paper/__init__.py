"""The paper: its figures, its text, and the studies that it is about."""
