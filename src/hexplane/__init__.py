"""Head meshes through six orthographic views into a small latent and back.

From Python: `load` a trained codec, `render` a mesh's six views, `evaluate` a mesh against another.
"""

from importlib import import_module

TYPE_CHECKING = False  # as type checkers know it; each job's client would wait for `typing`
if TYPE_CHECKING:
    from hexplane.api import Latent, TrainedCodec, evaluate, load, render

__version__ = "0.1.0"
__all__ = ["Latent", "TrainedCodec", "evaluate", "load", "render"]


def __getattr__(name: str) -> object:
    # Loaded when asked for: the workflow imports this package in every job, without torch.
    if name in __all__:
        return getattr(import_module("hexplane.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
