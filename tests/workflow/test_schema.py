"""The schema that editors use is the one that the configuration is checked by."""

from hexplane.config import schema_text
from support.project import ROOT


def test_schema_has_not_drifted() -> None:
    kept = (ROOT / "workflow/schemas/config.schema.json").read_text()
    assert kept == schema_text(), (
        "run: python -m hexplane.config > workflow/schemas/config.schema.json"
    )


def test_environments_pin_what_the_lock_pins() -> None:
    lock = set((ROOT / "envs/requirements.lock").read_text().lower().split())
    for name in ("geometry", "learning", "cuda"):
        lines = (ROOT / f"envs/{name}.yaml").read_text().lower().splitlines()
        pins = {line.strip("- ") for line in lines if "==" in line}
        assert pins
        assert pins <= lock


def test_a_gpu_node_has_all_that_learning_needs() -> None:
    pins = {
        name: {line for line in (ROOT / f"envs/{name}.yaml").read_text().split() if "==" in line}
        for name in ("learning", "cuda")
    }
    assert pins["cuda"] >= pins["learning"]
