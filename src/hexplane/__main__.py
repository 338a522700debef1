"""`python -m hexplane` is the `hexplane` command."""

from hexplane.cli import main

main()
