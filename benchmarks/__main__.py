"""`make bench`: every figure, its target, and whether it was met on this machine."""

import os
import platform

from benchmarks import epoch, gpu, open_heads, quality, speed, streaming, studio
from benchmarks.table import Figure, print_table


def main() -> None:
    """Measure and print."""
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, ", end="")
    print(f"Python {platform.python_version()}, {platform.system()} {platform.release()}\n")
    figures: list[Figure] = []
    measures = (
        epoch.epochs,
        streaming.streaming,
        open_heads.oracles,
        quality.measure,
        studio.measure,
    )
    for measure in (*speed.MEASURES, gpu.rendering, *measures):
        found = measure()
        figures += found
        for figure in found:
            print(f"  {figure.name}: {figure.shown}", flush=True)
    print()
    print_table(figures)


main()
