"""What Snakemake 9.27 does in time that grows with the square of the number of jobs, done once."""

import threading
from graphlib import CycleError, TopologicalSorter

from snakemake.dag import DAG
from snakemake.exceptions import WorkflowError
from snakemake.scheduling.job_scheduler import JobScheduler


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


DAG.validate_group = lambda dag, group: None
DAG._check_groups = check_groups
JobScheduler._schedule_reevalutation = look_again
