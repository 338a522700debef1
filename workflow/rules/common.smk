from hexplane import paths
from hexplane.config import parse_config
from hexplane.errors import UserError
from hexplane.plan import Plan, code_param, spec_param

try:
    PLAN = Plan(parse_config(dict(config)), Path.cwd())
    PLAN.split  # every mistake is found before anything runs
except UserError as error:
    # One line a mistake instead of Snakemake's account of where in this file it came up.
    sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))

LEARNING = str(ROOT / "envs/learning.yaml")
GEOMETRY = str(ROOT / "envs/geometry.yaml")


wildcard_constraints:
    mesh=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    experiment=r"(?!oracle-)[A-Za-z0-9][A-Za-z0-9._-]*",
    oracle=r"oracle-(occupancy|depth_normal|sdf)",
    arm=r"[A-Za-z0-9][A-Za-z0-9._-]*",


def of(pattern, meshes):
    """A path of each mesh, other wildcards kept."""
    return [pattern.replace("{mesh}", mesh) for mesh in meshes]
