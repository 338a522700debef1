"""Training of one arm, resumable at any step.

Every step draws its heads, samples and noise from generators seeded with the step's number, so
that a resumed run goes on exactly as an undisturbed one would have.
"""

import math
import time
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from hexplane.model.codec import WHOLE, Batch, Codec
from hexplane.model.codecs import build_codec
from hexplane.model.optimiser import build_optimiser
from hexplane.model.processes import mean_over_processes
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.progress import Progress
from hexplane.settings.train import SNAPSHOTS, TrainingSettings, TrainSettings
from hexplane.training.checkpoint import Damaged, load_checkpoint, save_checkpoint
from hexplane.training.crops import drawn_cube, samples_within
from hexplane.training.data import Heads, StoredHeads
from hexplane.training.devices import half_precision
from hexplane.training.history import HistoryRow
from hexplane.training.latents import gradient_row, latent_row
from hexplane.training.objective import Objective, total_loss
from hexplane.training.schedule import schedule, set_rate

VALIDATION_SEED = 1
"""Seeds the samples that validation is measured at: the same ones every time."""
DIAGNOSES = 12
"""Logged rows, spread over a training, that also hold what needs passes of its own."""


@dataclass
class Run:
    """A training under way, and all that a checkpoint holds."""

    codec: Codec
    step: int = 0
    seconds: float = 0.0
    rows: list[HistoryRow] = field(default_factory=list)


def train(
    settings: TrainSettings,
    heads: Heads | StoredHeads,
    validation: Heads | StoredHeads | None,
    state: Path,
    progress: Progress,
    fabric: Fabric,
) -> Run:
    """Train to the last step, from the checkpoint in the folder `state` where there is a sound one.

    Of several processes each computes its share of every batch, and all end with equal weights;
    the first alone writes.

    Raises:
        UserError: a batch does not divide into as many shares.
    """
    if settings.training.batch % fabric.world_size:
        raise UserError(
            f"training.batch: {settings.training.batch} heads cannot be shared by "
            f"{fabric.world_size} processes (allowed: a multiple of {fabric.world_size})"
        )
    # Gradients of saturated silhouettes become subnormal, and each step several times as slow.
    torch.set_flush_denormal(True)
    torch.manual_seed(settings.seed)
    codec = build_codec(settings, heads.resolution)
    if half_precision(fabric, settings.training.precision):
        codec.trunk_dtype = torch.bfloat16
    run = Run(codec)
    saved = None
    try:
        saved = load_checkpoint(state)
    except Damaged as error:
        progress.say(f"{error}: starting anew")
    if saved is not None:
        codec.load_state_dict(saved["codec"])
        run.step, run.seconds, run.rows = saved["step"], saved["seconds"], saved["rows"]
        progress.say(f"resuming at step {run.step} of {settings.training.steps}")
    objective = Objective(codec, settings.training)
    model, optimiser = fabric.setup(
        objective,
        build_optimiser(codec, settings.training.learning_rate, settings.training.optimiser),
    )
    if saved is not None:
        optimiser.load_state_dict(saved["optimiser"])

    def checkpoint() -> None:
        save_checkpoint(
            state,
            {
                "codec": codec.state_dict(),
                "optimiser": optimiser.state_dict(),
                "step": run.step,
                "seconds": run.seconds,
                "rows": run.rows,
            },
        )

    cells = settings.model.cells or 1
    cropped_steps = settings.training.crops * settings.training.steps * (cells % 2 == 0)
    if settings.training.crops and not cropped_steps:
        progress.say("taking whole views at every step: they do not divide into crops")
    started = time.perf_counter() - run.seconds
    kept = time.perf_counter()
    rows = -(-settings.training.steps // settings.training.log_every)
    diagnosed = -(-rows // DIAGNOSES) * settings.training.log_every
    orders = (
        _share(_chosen(len(heads), settings.training.batch, settings.seed, step), fabric)
        for step in range(run.step, settings.training.steps)
    )
    for held, order in heads.picked(orders):
        last = run.step + 1 == settings.training.steps
        snapshot = run.step + 1 in settings.training.snapshots
        diagnose = snapshot or last or (run.step + 1) % diagnosed == 0
        torch.manual_seed(settings.seed * 1_000_003 + run.step)
        if run.step < cropped_steps:
            cube = drawn_cube(cells)
            samples = samples_within(held.points[order], cube, settings.training.sdf_points)
        else:
            cube = WHOLE
            samples = torch.randint(heads.samples, (settings.training.sdf_points,))
        batch = held.batch(order, samples, cube)
        row = _step(
            fabric, model, objective, optimiser, settings.training, batch, run.step, diagnose
        )
        run.step += 1
        run.seconds = time.perf_counter() - started
        progress.update(run.step, row["loss"])
        if run.step % settings.training.log_every == 0 or snapshot or last:
            logged = {
                name: float(mean_over_processes(value)) if isinstance(value, Tensor) else value
                for name, value in row.items()
            }
            if validation is not None:
                logged |= _validate(objective, settings, validation)
            if diagnose:
                logged |= latent_row(codec, heads)
            if snapshot:
                found: HistoryRow = import_module(SNAPSHOTS).row(codec, heads, settings.seed)
                logged |= found
            if not math.isfinite(logged["loss"]) and all(
                math.isfinite(row["loss"]) for row in run.rows
            ):
                progress.say(
                    f"step {run.step}: the loss is not finite, and will not become so again "
                    "(a lower training.learning_rate may help)"
                )
            run.rows.append({"step": run.step, "seconds": run.seconds, **logged})
        kept_long_ago = time.perf_counter() - kept > settings.training.checkpoint_seconds
        if fabric.is_global_zero and (last or kept_long_ago):
            checkpoint()
            kept = time.perf_counter()
    torch.set_flush_denormal(False)
    return run


def _step(
    fabric: Fabric,
    model: nn.Module,
    objective: Objective,
    optimiser: torch.optim.Optimizer,
    settings: TrainingSettings,
    batch: Batch,
    step: int,
    diagnose: bool,
) -> dict[str, Tensor | float]:
    """One update; its scalars stay on the device, where reading one waits for all the work."""
    bottleneck = objective.codec.bottleneck
    factor = schedule(step, settings)
    set_rate(optimiser, factor)
    model.train()
    optimiser.zero_grad()
    terms = model(batch)
    norms = gradient_row(terms, objective, settings, step) if diagnose else {}
    loss = total_loss(terms, bottleneck, settings, step)
    fabric.backward(loss)
    norm = nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
    optimiser.step()
    row = {"loss": loss, **terms, "gradient_norm": norm}
    return {
        "learning_rate": settings.learning_rate * factor,
        **bottleneck.schedule(step),
        **{name: value.detach() for name, value in row.items()},
        **norms,
    }


@torch.no_grad()
def _validate(
    objective: Objective, settings: TrainSettings, heads: Heads | StoredHeads
) -> HistoryRow:
    """The terms on held-out heads from the most central latents, mean over heads."""
    objective.eval()
    generator = torch.Generator().manual_seed(VALIDATION_SEED)
    samples = torch.randint(heads.samples, (settings.training.sdf_points,), generator=generator)
    orders = torch.arange(len(heads)).split(1)
    found = [objective(held.batch(one, samples)) for held, one in heads.picked(orders)]
    return {
        f"validation_{name}": float(torch.stack([terms[name] for terms in found]).mean())
        for name in found[0]
    }


def _share(order: Tensor, fabric: Fabric) -> Tensor:
    """This process's part of a batch's heads."""
    return order.chunk(fabric.world_size)[fabric.global_rank]


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
