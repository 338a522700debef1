"""Groups of jobs that a profile makes, checked once."""

from graphlib import CycleError, TopologicalSorter

from snakemake.dag import DAG
from snakemake.exceptions import WorkflowError


def check_groups(dag):
    """Refuse groups that wait for one another.

    In the place of two private checks of Snakemake 9.27, which walk all ancestors of a job, one
    of them again for each job of its group: hours for a thousand heads. This one walks the graph
    in which a group is one node, once.
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


DAG.validate_group = lambda dag, group: None
DAG._check_groups = check_groups
