"""Training of one experiment, resumable at any step.

Every step draws its heads, samples and noise from generators seeded with the step's number, so
that a resumed run goes on exactly as an undisturbed one would have.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from hexplane.model.network import HexplaneAutoencoder
from hexplane.model.optimiser import build_optimiser
from hexplane.model.saved import build_network
from hexplane.specs.train import TrainSpec
from hexplane.training.checkpoint import load_checkpoint, save_checkpoint
from hexplane.training.data import Heads
from hexplane.training.history import Row
from hexplane.training.latents import gradient_row, latent_row
from hexplane.training.objective import kl_weight, loss_terms, total_loss
from hexplane.training.progress import Progress
from hexplane.training.schedule import schedule, set_rate

VALIDATION_SEED = 1
"""Seeds the samples that validation is measured at: the same ones every time."""
DIAGNOSES = 12
"""Logged rows, spread over a training, that also hold what needs passes of its own."""


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
    network = build_network(spec, heads.resolution)
    heads = heads.to(fabric.device)
    validation = validation.to(fabric.device) if validation is not None else None
    run = Run(network)
    saved = load_checkpoint(state)
    if saved is not None:
        network.load_state_dict(saved["network"])
        run.step, run.seconds, run.rows = saved["step"], saved["seconds"], saved["rows"]
        progress.say(f"resuming at step {run.step} of {spec.training.steps}")
    model, optimiser = fabric.setup(
        network, build_optimiser(network, spec.training.learning_rate, spec.training.optimiser)
    )
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
    rows = -(-spec.training.steps // spec.training.log_every)
    diagnosed = -(-rows // DIAGNOSES) * spec.training.log_every
    while run.step < spec.training.steps:
        diagnose = (run.step + 1) % diagnosed == 0 or run.step + 1 == spec.training.steps
        row = _step(fabric, model, optimiser, spec, heads, run.step, diagnose)
        run.step += 1
        run.seconds = time.perf_counter() - started
        last = run.step == spec.training.steps
        progress.update(run.step, row["loss"])
        if run.step % spec.training.log_every == 0 or last:
            if validation is not None:
                row |= _validate(model, spec, validation)
            if diagnose:
                row |= latent_row(network, heads)
            run.rows.append({"step": run.step, "seconds": run.seconds, **row})
        if last or time.perf_counter() - kept > spec.training.checkpoint_seconds:
            checkpoint()
            kept = time.perf_counter()
    return run


def _step(
    fabric: Fabric,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    spec: TrainSpec,
    heads: Heads,
    step: int,
    diagnose: bool,
) -> Row:
    chosen = _chosen(len(heads), spec.training.batch, spec.seed, step)
    torch.manual_seed(spec.seed * 1_000_003 + step)
    samples = torch.randint(heads.points.shape[1], (spec.training.sdf_points,))
    factor = schedule(step, spec.training)
    set_rate(optimiser, factor)
    model.train()
    optimiser.zero_grad()
    terms = loss_terms(model, spec, heads.batch(chosen, samples))
    norms = gradient_row(terms, spec, step, model.parameters()) if diagnose else {}
    loss = total_loss(terms, spec, step)
    fabric.backward(loss)
    norm = nn.utils.clip_grad_norm_(model.parameters(), spec.training.clip_norm)
    optimiser.step()
    row = {"loss": loss, **terms, "gradient_norm": norm}
    return {
        "learning_rate": spec.training.learning_rate * factor,
        **({"kl_weight": kl_weight(spec, step)} if "kl" in terms else {}),
        **{name: float(value.detach()) for name, value in row.items()},
        **norms,
    }


@torch.no_grad()
def _validate(model: nn.Module, spec: TrainSpec, heads: Heads) -> Row:
    """The terms on held-out heads, from the most central latents."""
    model.eval()
    generator = torch.Generator().manual_seed(VALIDATION_SEED)
    samples = torch.randint(heads.points.shape[1], (spec.training.sdf_points,), generator=generator)
    terms = loss_terms(model, spec, heads.batch(torch.arange(len(heads)), samples))
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
