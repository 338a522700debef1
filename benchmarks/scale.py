"""`make bench-scale`: 10, 100 and 1,000 generated heads through the workflow's mesh stages.

    python -m benchmarks.scale [--folder scale] [--heads 10 100 1000]

Each size has a working folder of its own, runs the real Snakefile's target `data` (generate,
normalise, render and distances) and goes on where it was when it is started again. What is finished
is shown as it was measured; remove its folder to measure anew.

Compute is the CPU time inside the stages, from their manifests (generating, casting, distance
queries, writing), less what the same stages spend there on reading and hashing, which is measured
afterwards on some of the heads. Everything else is overhead: Snakemake, shells, interpreters,
imports, reading, hashing, and cores that stood idle.
"""

import argparse
import ctypes
import json
import os
import platform
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import snakemake
import yaml

from benchmarks.table import Figure, print_table
from hexplane.plumbing.paths import DEFAULT

ROOT = Path(__file__).parent.parent
STAGES = {"heads": "generate", "meshes": "normalise", "hexplanes": "render", "sdf": "distances"}
"""Stage that writes each folder of results."""
MB = 1e6
SAMPLE = 10
"""Heads on which reading and hashing are timed."""


@dataclass
class Usage:
    """What a run took; a resumed one adds up."""

    wall: float = 0
    cpu: float = 0
    """Core-seconds of Snakemake and all that it started."""
    others: float = 0
    """Core-seconds that the rest of the machine used meanwhile."""
    snakemake_memory: float = 0
    """Largest resident size of Snakemake's process, bytes."""
    total_memory: float = 0
    """Largest proportional size (shared pages counted once) of all processes together, bytes."""

    def plus(self, more: "Usage") -> "Usage":
        """Times add up, memory is the larger."""
        pairs = {name: (getattr(self, name), value) for name, value in asdict(more).items()}
        return Usage(**{n: max(p) if "memory" in n else sum(p) for n, p in pairs.items()})


def main() -> None:
    """Run the sizes that are not finished, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("scale"), help="working folders")
    parser.add_argument("--heads", type=int, nargs="+", default=[10, 100, 1000])
    options = parser.parse_args()
    # Orphans, such as the workflow's server, become children of this process, which waits for them:
    # the system's own account of children then covers every process. (PR_SET_CHILD_SUBREAPER)
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else every job compiles what it imports
    found = [measure(options.folder / str(heads), heads) for heads in sorted(options.heads)]
    print(
        f"\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"Snakemake {snakemake.__version__}, load {os.getloadavg()[2]:.1f}\n"
    )
    print("| | " + " | ".join(f"{one['heads']:,} heads" for one in found) + " |")
    print("|---" * (len(found) + 1) + "|")
    for name in found[0]:
        if name != "heads":
            print(f"| {name} | " + " | ".join(f"{one[name]:,.4g}" for one in found) + " |")
    print()
    last = found[-1]
    print_table(
        [
            Figure(f"{last['heads']:,} heads: {name}", last[name], target)
            for name, target in (
                ("overhead, % of the time", 25),
                ("snakemake -n data, s", 30),
                ("snakemake -n, one head evaluated, s", 30),
                ("snakemake -n, all heads evaluated, s", None),
            )
        ]
        + [
            Figure(
                f"job memory, {last['heads']:,} / {found[0]['heads']:,} heads",
                last["largest job, MB"] / found[0]["largest job, MB"],
                1.1,
            )
        ]
    )


def measure(folder: Path, heads: int) -> dict[str, float]:
    """All figures of one size, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "figures.json"
    if kept.is_file():
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config["meshes"] = {"generate": heads}
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    config["evaluation"]["heads"] = ["head-000"]
    (folder / "one.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")

    dry_runs = folder / "dry-runs.json"
    if not dry_runs.is_file():  # before anything is there: every job is planned
        seconds = {
            "snakemake -n data, s": dry_run(folder, "data"),
            "snakemake -n, one head evaluated, s": dry_run(folder, "--configfile=one.yaml"),
            "snakemake -n, all heads evaluated, s": dry_run(folder),
        }
        dry_runs.write_text(json.dumps(seconds), encoding="utf-8")
    planned: dict[str, float] = json.loads(dry_runs.read_text(encoding="utf-8"))

    usage = run(folder, heads)
    planned["snakemake -n data, finished, s"] = dry_run(folder, "data")
    inside = {stage: sum(recorded(folder, stage, "cpu_seconds")) for stage in STAGES}
    compute = sum(inside.values()) - heads * reading_and_hashing(folder, heads)
    possible = os.cpu_count() * usage.wall - usage.others  # type: ignore[operator]
    size = sum(file.stat().st_size for stage in STAGES for file in _files(folder, stage))
    figures = {
        "heads": heads,
        "wall, s": usage.wall,
        "core-seconds": usage.cpu,
        "core-seconds of other programs": usage.others,
        "compute, core-seconds": compute,
        **{f"inside {STAGES[s]}, core-seconds a head": inside[s] / heads for s in STAGES},
        "overhead, core-seconds a head": (usage.cpu - compute) / heads,
        "overhead, % of core-seconds": 100 * (1 - compute / usage.cpu),
        "overhead, % of the time": 100 * (1 - compute / possible),
        "largest job, MB": max(max(recorded(folder, s, "peak_mb")) for s in STAGES),
        "Snakemake, MB": usage.snakemake_memory / MB,
        "all processes, MB": usage.total_memory / MB,
        **planned,
        "MB a head": size / heads / MB,
        "files a head": sum(1 for stage in STAGES for _ in _files(folder, stage)) / heads,
    }
    kept.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    return figures


def command(*arguments: str) -> list[str]:
    """Snakemake on the real workflow, in the current folder."""
    profile = f"--workflow-profile={ROOT / 'profiles/default'}"
    snakefile = f"--snakefile={ROOT / 'Snakefile'}"
    return [sys.executable, "-m", "snakemake", snakefile, profile, "--cores=all", *arguments]


def dry_run(folder: Path, *arguments: str) -> float:
    """Seconds that `snakemake -n` takes."""
    started = time.perf_counter()
    done = subprocess.run(
        command("-n", "--quiet=all", *arguments), cwd=folder, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    seconds = time.perf_counter() - started
    print(f"{folder}: snakemake -n {' '.join(arguments)}: {seconds:.1f} s", flush=True)
    return seconds


def run(folder: Path, heads: int) -> Usage:
    """Build all data, adding to what earlier, killed runs took."""
    record = folder / "usage.json"
    before = Usage(**json.loads(record.read_text())) if record.is_file() else Usage()
    started, cpu, machine = time.perf_counter(), _children_cpu(), _machine_cpu()
    now = Usage()
    with (folder / "snakemake.log").open("a") as log:
        process = subprocess.Popen(command("--quiet=all", "data"), cwd=folder, stderr=log)
        last = 0.0
        while process.poll() is None:
            _look(now, process.pid)
            time.sleep(0.5)
            now.wall = time.perf_counter() - started
            if now.wall - last >= 10:
                last = now.wall
                now.cpu = _children_cpu() - cpu + _living_cpu()
                now.others = _machine_cpu() - machine - now.cpu
                record.write_text(json.dumps(asdict(before.plus(now))), encoding="utf-8")
                done = sum(1 for stage in STAGES for _ in _manifests(folder, stage))
                shown = f"{done:,} of {4 * heads:,} jobs, {before.wall + now.wall:,.0f} s"
                print(f"{folder}: {shown}", flush=True)
    now.wall = time.perf_counter() - started
    if process.returncode:
        sys.exit(f"{folder}: snakemake failed; see {folder / 'snakemake.log'}")
    while True:  # the servers
        try:
            os.wait()
        except ChildProcessError:
            break
    now.cpu = _children_cpu() - cpu
    now.others = max(0.0, _machine_cpu() - machine - now.cpu)
    total = before.plus(now)
    record.write_text(json.dumps(asdict(total)), encoding="utf-8")
    return total


def _look(usage: Usage, snakemake_process: int) -> None:
    total = 0
    for process in psutil.Process().children(recursive=True):
        try:
            memory = process.memory_full_info()
        except psutil.Error:
            continue
        total += memory.pss
        if process.pid == snakemake_process:
            usage.snakemake_memory = max(usage.snakemake_memory, memory.rss)
    usage.total_memory = max(usage.total_memory, total)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _living_cpu() -> float:
    seconds = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def _machine_cpu() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice


def _manifests(folder: Path, stage: str) -> list[Path]:
    pattern = "*.manifest.json" if stage in ("hexplanes", "sdf") else "*.json"
    return list((folder / DEFAULT.root / stage).glob(pattern))


def _files(folder: Path, stage: str) -> list[Path]:
    return [file for file in (folder / DEFAULT.root / stage).rglob("*") if file.is_file()]


def recorded(folder: Path, stage: str, name: str) -> list[float]:
    """A figure of each head's manifest."""
    return [json.loads(path.read_text())[name] for path in _manifests(folder, stage)]


def reading_and_hashing(folder: Path, heads: int) -> float:
    """CPU seconds a head that the stages spend on neither computing nor writing results."""
    from hexplane.geometry.meshes import load_mesh, read_normalised
    from hexplane.plumbing.files import sha256, tree_hashes
    from hexplane.plumbing.manifests import recorded, versions

    results = folder / DEFAULT.root
    names = [f"head-{i:03d}" for i in range(min(SAMPLE, heads))]
    load_mesh(results / f"heads/{names[0]}.ply")  # warm, not counted
    started = time.process_time()
    for name in names:
        head, mesh = results / f"heads/{name}.ply", results / f"meshes/{name}.ply"
        load_mesh(head), sha256(head)
        for _ in ("render", "distances"):
            read_normalised(mesh), sha256(mesh)
        recorded(mesh, "source_to_canonical")
        stores = [results / f"{stage}/{name}.zarr" for stage in ("hexplanes", "sdf")]
        for output in (head, mesh, *stores):
            tree_hashes(output), versions()
    return (time.process_time() - started) / len(names)


if __name__ == "__main__":
    main()
