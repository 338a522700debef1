"""Training of one experiment, resumable at any step.

Every step draws its heads, samples and noise from generators seeded with the step's number, so
that a resumed run goes on exactly as an undisturbed one would have.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from hexplane.model.losses import reconstruction_terms
from hexplane.model.network import HexplaneAutoencoder
from hexplane.model.optimiser import build_optimiser
from hexplane.specs.model import GaussianSpec
from hexplane.specs.train import TrainSpec
from hexplane.training.checkpoint import load_checkpoint, save_checkpoint
from hexplane.training.data import Heads
from hexplane.training.history import Row
from hexplane.training.progress import Progress
from hexplane.training.schedule import schedule, set_rate

VALIDATION_SEED = 1
"""Seeds the samples that validation is measured at: the same ones every time."""


@dataclass
class Run:
    """A training under way, and all that a checkpoint holds."""

    network: HexplaneAutoencoder
    step: int = 0
    seconds: float = 0.0
    rows: list[Row] = field(default_factory=list)


def train(
    spec: TrainSpec,
    heads: Heads,
    validation: Heads | None,
    state: Path,
    progress: Progress,
) -> Run:
    """Train to the last step, from the checkpoint in the folder `state` where there is one."""
    fabric = Fabric(accelerator="auto", devices=1)
    # Gradients of saturated silhouettes become subnormal, and each step several times as slow.
    torch.set_flush_denormal(True)
    torch.manual_seed(spec.seed)
    network = HexplaneAutoencoder(spec.features, heads.resolution, spec.model, spec.bottleneck)
    run = Run(network)
    saved = load_checkpoint(state)
    if saved is not None:
        network.load_state_dict(saved["network"])
        run.step, run.seconds, run.rows = saved["step"], saved["seconds"], saved["rows"]
        progress.say(f"resuming at step {run.step} of {spec.training.steps}")
    model, optimiser = fabric.setup(network, build_optimiser(network, spec.training.learning_rate))
    model.mark_forward_method("signed_distance")
    if saved is not None:
        optimiser.load_state_dict(saved["optimiser"])

    def checkpoint() -> None:
        save_checkpoint(
            state,
            {
                "network": network.state_dict(),
                "optimiser": optimiser.state_dict(),
                "step": run.step,
                "seconds": run.seconds,
                "rows": run.rows,
            },
        )

    started = time.perf_counter() - run.seconds
    kept = time.perf_counter()
    while run.step < spec.training.steps:
        row = _step(fabric, model, optimiser, spec, heads, run.step)
        run.step += 1
        run.seconds = time.perf_counter() - started
        last = run.step == spec.training.steps
        progress.update(run.step, row["loss"])
        if run.step % spec.training.log_every == 0 or last:
            if validation is not None:
                row |= _validate(model, spec, validation)
            run.rows.append({"step": run.step, "seconds": run.seconds, **row})
        if last or time.perf_counter() - kept > spec.training.checkpoint_seconds:
            checkpoint()
            kept = time.perf_counter()
    return run


def kl_weight(spec: TrainSpec, step: int) -> float:
    """Weight of the KL term at a step: a linear ramp; 0 without a Gaussian bottleneck."""
    bottleneck = spec.bottleneck
    if not isinstance(bottleneck, GaussianSpec):
        return 0.0
    ramp = min(1.0, step / bottleneck.kl_warmup_steps) if bottleneck.kl_warmup_steps else 1.0
    return bottleneck.kl_initial_weight + ramp * (
        bottleneck.kl_weight - bottleneck.kl_initial_weight
    )


def loss_terms(
    model: Any, spec: TrainSpec, heads: Heads, chosen: Tensor, samples: Tensor
) -> dict[str, Tensor]:
    """Named scalar terms of some heads [B] at some samples [S].

    The reconstruction terms are means (`hexplane.model.losses`); `kl` is in nats, summed over the
    latent's dimensions and averaged over the heads.
    """
    device = next(model.parameters()).device
    views, points, targets = heads.batch(chosen, samples, spec.features, device)
    planes, _, rate = model(views)
    distance = model.signed_distance(planes, points)
    terms = reconstruction_terms(planes, distance, targets)
    if isinstance(spec.bottleneck, GaussianSpec):
        terms["kl"] = rate.sum() / len(chosen)
    return terms


def total_loss(terms: dict[str, Tensor], spec: TrainSpec, step: int) -> Tensor:
    """The weighted sum that is minimised; the KL term is cut off hard at its cap."""
    weights = {
        "coverage": spec.training.coverage_weight,
        "depth": spec.training.depth_weight,
        "normal": spec.training.normal_weight,
        "sdf": spec.training.sdf_weight,
    }
    loss = sum((weights[name] * terms[name] for name in terms if name != "kl"), torch.zeros(()))
    if isinstance(spec.bottleneck, GaussianSpec):
        loss = loss + kl_weight(spec, step) * terms["kl"].clamp(max=spec.bottleneck.kl_cap)
    return loss


def _step(
    fabric: Fabric,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    spec: TrainSpec,
    heads: Heads,
    step: int,
) -> Row:
    chosen = _chosen(len(heads), spec.training.batch, spec.seed, step)
    torch.manual_seed(spec.seed * 1_000_003 + step)
    samples = torch.randint(heads.points.shape[1], (spec.training.sdf_points,))
    factor = schedule(step, spec.training)
    set_rate(optimiser, factor)
    model.train()
    optimiser.zero_grad()
    terms = loss_terms(model, spec, heads, chosen, samples)
    loss = total_loss(terms, spec, step)
    fabric.backward(loss)
    norm = nn.utils.clip_grad_norm_(model.parameters(), spec.training.clip_norm)
    optimiser.step()
    row = {"loss": loss, **terms, "gradient_norm": norm}
    return {
        "learning_rate": spec.training.learning_rate * factor,
        **({"kl_weight": kl_weight(spec, step)} if "kl" in terms else {}),
        **{name: float(value.detach()) for name, value in row.items()},
    }


@torch.no_grad()
def _validate(model: nn.Module, spec: TrainSpec, heads: Heads) -> Row:
    """The terms on held-out heads, from the most central latents."""
    model.eval()
    generator = torch.Generator().manual_seed(VALIDATION_SEED)
    samples = torch.randint(heads.points.shape[1], (spec.training.sdf_points,), generator=generator)
    terms = loss_terms(model, spec, heads, torch.arange(len(heads)), samples)
    return {f"validation_{name}": float(value) for name, value in terms.items()}


def _chosen(count: int, batch: int, seed: int, step: int) -> Tensor:
    """Heads of a step [B]: every epoch passes all heads once, in a new order."""
    positions = range(step * batch, (step + 1) * batch)
    orders: dict[int, Tensor] = {}
    chosen = []
    for position in positions:
        epoch, place = divmod(position, count)
        if epoch not in orders:
            generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
            orders[epoch] = torch.randperm(count, generator=generator)
        chosen.append(int(orders[epoch][place]))
    return torch.tensor(chosen)
