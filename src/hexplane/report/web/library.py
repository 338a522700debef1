"""Script libraries that Python packages ship: the page holds them, and loads nothing."""

import io
import zipfile
from importlib import resources

from plotly.offline import get_plotlyjs

from hexplane.plumbing.errors import UserError


def plotly() -> str:
    """Plotly, for charts."""
    return str(get_plotlyjs())


def three() -> str:
    """Three.js (MIT), for meshes: the part of trimesh's viewer before its own program.

    Raises:
        UserError: this version of trimesh ships another viewer.
    """
    try:
        packed = resources.files("trimesh.resources").joinpath("templates/viewer.zip").read_bytes()
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            viewer = archive.read("viewer.html.template").decode("utf-8")
        _, script, rest = viewer.partition("<script>/**\n * @license")
        library, program, _ = rest.partition("var camera,controls,scene,renderer")
    except (OSError, KeyError) as error:
        raise UserError(f"trimesh: its viewer cannot be read ({error})") from None
    if not (script and program and "Three.js Authors" in library[:200]):
        raise UserError("trimesh: its viewer is not the one of the pinned version")
    return "/**\n * @license" + library
