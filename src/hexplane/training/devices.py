"""Processes and devices of a training, through Lightning Fabric."""

import os

import torch
import torch.distributed
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import (
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from lightning_fabric.strategies import DDPStrategy

from hexplane.plumbing.errors import UserError
from hexplane.settings.train import Precision


def launch(devices: int) -> Fabric:
    """One process a device; each goes on from here with a Fabric of its own.

    Devices are GPUs where there are any, else processes on the CPU. Under `srun` with several
    tasks, or `torchrun`, the processes are those that it started, on any number of nodes.

    Raises:
        UserError: there are fewer GPUs.
    """
    gpus = torch.cuda.device_count()
    if gpus and devices > gpus:
        raise UserError(f"--devices: {devices} wanted, but there are {gpus} GPUs here")
    # A convolution in float32 has float32's digits, also where TF32 would be faster.
    torch.backends.cudnn.allow_tf32 = False
    accelerator = "cuda" if gpus else "cpu"  # no MPS: diagnostics need double precision
    nodes = None  # nobody started processes for us
    if TorchElasticEnvironment.detect():
        nodes = os.environ["GROUP_WORLD_SIZE"]
    elif os.environ.get("SLURM_NTASKS", "1") != "1" and SLURMEnvironment.detect():
        nodes = os.environ["SLURM_NNODES"]
    if devices == 1 and nodes is None:
        return Fabric(accelerator=accelerator, devices=1, plugins=LightningEnvironment())
    fabric = Fabric(
        accelerator=accelerator,
        devices=devices,
        num_nodes=int(nodes or 1),
        strategy=DDPStrategy(broadcast_buffers=False),
        # The one task of a cluster's job starts its own processes, as it would anywhere else.
        plugins=LightningEnvironment() if nodes is None else None,
    )
    fabric.launch()
    return fabric


def half_precision(fabric: Fabric, wanted: Precision) -> bool:
    """Whether residual blocks compute in bfloat16; `auto`: on GPUs that are built for it."""
    if wanted != "auto":
        return wanted == "bfloat16"
    return fabric.device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def device_name(fabric: Fabric) -> str:
    """What this process computes on: cpu, or the GPU's name."""
    if fabric.device.type == "cuda":
        return torch.cuda.get_device_name(fabric.device)
    return fabric.device.type


def finish() -> None:
    """Leave together: a process that ends early would take the others with it."""
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
