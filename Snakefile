"""hexplane: head meshes -> six views -> latent -> meshes -> report.

Stages, in order: workflow/rules/{meshes,hexplanes,models,reconstructions,rates,draws,report,paper}.smk.
"""

import os
import subprocess
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")  # rules/scheduling.smk replaces some of its own functions

# The package is used from this folder; a job's own environment brings only libraries.
ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT / "src"))
# `python` is the interpreter that runs snakemake, unless conda puts another before it.
# Of numerical libraries' threads only as many as a job was given: Snakemake knows the cores.
os.environ.update(
    OMP_NUM_THREADS="1",
    IGL_NUM_THREADS="1",
    # Small jobs share an interpreter (forkserver.py); on a cluster it would end with each job.
    HEXPLANE_FORKSERVER="" if workflow.remote_exec else str(os.getpid()),
    PYTHONPATH=str(ROOT / "src"),
    PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]),
)


include: "workflow/rules/checks.smk"


configfile: "config.yaml"


include: "workflow/rules/processes.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/scheduling.smk"
include: "workflow/rules/meshes.smk"
include: "workflow/rules/hexplanes.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/reconstructions.smk"
include: "workflow/rules/rates.smk"
include: "workflow/rules/classical.smk"
include: "workflow/rules/draws.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/paper.smk"


rule all:
    default_target: True
    input:
        paths.page,
        paths.summary,
        paths.runs,
