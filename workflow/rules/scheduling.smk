"""What Snakemake 9.27 does in time that grows with the square of the number of jobs, done once.

Private functions are replaced, so only in the versions that this was tested with, and only where
they have the names that they had there. Anywhere else Snakemake is left as it is.
"""

import sys
import threading
from graphlib import CycleError, TopologicalSorter

import snakemake
from snakemake.exceptions import WorkflowError

TESTED = "9.27."


def check_groups(dag):
    """Refuse groups that wait for one another.

    In the place of two private checks, which walk all ancestors of a job, one of them again for
    each job of its group: hours for a thousand heads. This one walks the graph in which a group is
    one node, once.
    """
    if not dag._group:
        return
    waits = {}
    for job, dependencies in dag._dependencies.items():
        node = dag._group.get(job, job)
        others = {dag._group.get(other, other) for other in dependencies} - {node}
        waits.setdefault(node, set()).update(others)
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as cycle:
        groups = {node.groupid for node in cycle.args[1] if node.is_group()}
        raise WorkflowError(
            f"groups that depend on themselves: {', '.join(sorted(groups))}"
        )


def look_again(scheduler, delay):
    """Have the scheduler look at the ready jobs once more, `delay` seconds from now.

    Each look asks for another one, and so does each job that ends: Snakemake's own way of it keeps
    them all, so that it looks once a second more often with each job that has ended. Here one is
    under way at a time.
    """
    if getattr(scheduler, "looks_again", False):
        return
    scheduler.looks_again = True

    def look():
        scheduler.looks_again = False  # first, or this look's own request would be lost
        scheduler._open_jobs.release()

    threading.Timer(delay, look).start()


def replace_slow_parts():
    """Whether all that is slow was replaced; nothing was, where it was not."""
    if not snakemake.__version__.startswith(TESTED):
        return False
    try:
        from snakemake.dag import DAG
        from snakemake.scheduling.job_scheduler import JobScheduler
    except ImportError:
        return False
    replaced = (
        (DAG, "validate_group", lambda dag, group: None),
        (DAG, "_check_groups", check_groups),
        (JobScheduler, "_schedule_reevalutation", look_again),
    )
    if not all(hasattr(owner, name) for owner, name, _ in replaced):
        return False
    for owner, name, ours in replaced:
        setattr(owner, name, ours)
    return True


if not replace_slow_parts() and not workflow.remote_exec:
    print(
        f"Snakemake {snakemake.__version__} is not {TESTED}x, which this workflow was tested with: "
        "planning many jobs will be slower",
        file=sys.stderr,
    )
