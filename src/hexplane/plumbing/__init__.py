"""What reports, checks and writes: nothing in here can change what a stage computes.

Code digests leave these modules out (`hexplane.plumbing.digests`), so that an error's words, a
progress line or a new file format run nothing again.
"""

FORMAT = 1
"""Raised by hand when a change in here does change results, for example the bytes of a file."""
