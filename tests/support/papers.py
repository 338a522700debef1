"""What is known of all studies, made up: every number that the paper has a sentence for."""

from typing import Any

Value = dict[str, Any]
OUTCOMES = {
    "ablation": {
        **{"H-input": "contradicted", "H-KL": "contradicted", "H-cap": "supported"},
        **{"H-silhouette": "supported", "H-binary": "undecided", "H-SDF": "supported"},
        **{"H-collapse": "supported", "H-explosion": "supported", "H-prior": "undecided"},
    },
    "discrete": dict.fromkeys(("H-stable", "H-normal", "H-learned", "H-discrete"), "supported"),
}
WEIGHTS = ("-w0", "-w1e-6", "-w1e-5", "", "-w1e-3", "-w1e-2")


def study(name: str) -> Value:
    """What every study has."""
    claims = OUTCOMES.get(name, {})
    return {
        "source": f"results/{name}",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "machine": {"Processor": "an abacus", "Cores": "2"},
        "heads": {"train": 18, "validation": 3, "test": 3},
        "seeds": 3,
        "resolution": 64,
        "steps": 700,
        "threshold": 0.01,
        "verdicts": {
            key: {"claim": f"Claim of {key}.", "outcome": own} for key, own in claims.items()
        },
    }


def run(ratio: float, kl: float | None = None) -> Value:
    """Of one arm, over seeds."""
    values = {"f_ratio": ratio, "oracle_f_score": 0.9, "empty": 0.0, "empty_prior": 1.0, "kl": kl}
    own = {
        key: {"mean": value, "spread": 0.01} for key, value in values.items() if value is not None
    }
    return {"held_out": {"seeds": 3, "failed": 0, "heads": 6, **own}}


def studies() -> dict[str, Value]:
    """All of them, but for what is read from tables of snapshots."""
    inputs = ("occupancy", "depth-normal")
    ablation = study("ablation")
    ablation["arms"] = {"vae-occupancy-w1e-6": {"bottleneck": {"kl_weight": 1e-6}}}
    ablation["runs"] = {
        f"vae-{key}{own}": run(0.9, 10.0**place)
        for key in inputs
        for place, own in enumerate(WEIGHTS)
    }
    for key in inputs:
        ablation["runs"] |= {f"ae-{key}": run(0.8), f"vae-{key}-sigma": run(0.97)}
    default = study("default")
    arms = [f"{latent}-{key}" for latent in ("ae", "vae") for key in inputs]
    oracles = ("oracle-occupancy", "oracle-depth_normal")
    scored = {"oracle": oracles[0], "f_score": 0.75, "chamfer_l1": 0.0123, "closed": 1.0}
    methods = {name: {**scored, "ratios": {"f_score": 0.875}} for name in (*arms, *oracles)}
    default |= {
        "arms": {name: {} for name in arms},
        "runs": {f"vae-{key}": run(0.9, 1234.5) for key in inputs},
        "scores": {key: {"heads": 2, "methods": methods} for key in ("train", "held_out")},
    }
    codec, general = study("codec"), study("general")
    levels = {
        str(budget): {"bytes": budget - 7, "chamfer_l1": 1 / budget, "f_score_0.01": 0.9}
        for budget in (128, 1024, 4096, 16384)
    }
    curves = dict.fromkeys(("linear", "layered", "registered", "draco", "mean"), levels)
    family = {"title": "Heads", "heads": 16, "curves": curves}
    codec |= {
        "rates": {"test": family, "scans": family},
        "draws": dict.fromkeys(
            ("layered", "registered"),
            {"count": 200, "whole": 0.99, "accuracy": 0.55, "nearest_ratio": 0.93},
        ),
    }
    general["rates"] = {"scans": family}
    general["scores"] = {"scans": {"methods": {"oracle-depth_normal": {"f_score_0.01": 0.96}}}}
    found = {"default": default, "ablation": ablation, "codec": codec, "general": general}
    found |= {name: study(name) for name in ("replay", "reported", "discrete")}
    found["replay"]["arms"] = {"vae-occupancy": {"parameters": 37_970_000}}
    return found


SNAPSHOTS = """\
arm,seed,step,kl,empty_mean,empty_sample,empty_prior,distortion_mean,distortion_sample,loss
ae-depth-normal,0,1,,1,,,0.5,,1
ae-depth-normal,0,20,,0,,,0.1,,0.5
vae-occupancy,0,1,1000,1,1,1,0.5,0.5,1
vae-occupancy,0,20,300,0,0,1,0.3,0.2,1
vae-occupancy,0,60,1500,1,0,1,0.4,0.1,1
vae-depth-normal,0,1,1000,1,1,1,0.5,0.5,1
vae-depth-normal,0,60,9,0,0,0,0.3,0.2,1
vae-occupancy-sse,0,1,1000,1,1,1,0.5,0.5,1
vae-occupancy-sse,0,60,10001,0,0,1,0.3,0.2,1
"""
