"""The GPUs of one machine: how many there are, and one of its own for each job that runs a model.

SLURM gives every job its cards. Elsewhere Snakemake is told how many jobs may hold one at a time (workflow/rules/
common.smk), and each of them leases a card: a lock file per card, held until the process ends, however it ends.
"""

import fcntl
import logging
import os
import socket
import tempfile
from pathlib import Path
from typing import Any, TextIO

from infohorizon.errors import UserError

NVIDIA = Path("/proc/driver/nvidia/gpus")  # a folder for each card, whatever torch is installed
log = logging.getLogger("infohorizon")
_held: list[TextIO] = []


def visible() -> list[str]:
    """Names of the cards that this process may use: those of CUDA_VISIBLE_DEVICES, else all of the driver's."""
    if (named := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [card.strip() for card in named.split(",") if card.strip() not in ("", "-1")]
    return [str(number) for number in range(len(list(NVIDIA.glob("*"))))]


def lease() -> None:
    """Make one card this process's own, before anything asks CUDA; nothing to do with one card, or under SLURM."""
    cards = visible()
    if len(cards) < 2 or "SLURM_JOB_ID" in os.environ or _held:
        return
    for card in cards:
        # Opened for as long as the process lives: the lock goes with it.
        stream = (Path(tempfile.gettempdir()) / f"infohorizon-{os.getuid()}-gpu-{card}.lock").open("w")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            continue
        _held.append(stream)
        os.environ["CUDA_VISIBLE_DEVICES"] = card
        return
    log.warning("all %d GPUs are held by other jobs; this one shares GPU %s", len(cards), cards[0])
    os.environ["CUDA_VISIBLE_DEVICES"] = cards[0]


def expect(device: str, model: str) -> None:
    """Stop a job that was given a GPU which torch does not see, instead of running it a hundred times slower.

    Args:
        device: as configured: auto, cpu, cuda, …
        model: its name in config.yaml.
    Raises:
        UserError: the driver has a card that this process may use, `device` is auto, and torch sees none.
    """
    import torch

    given = bool(visible()) and any(NVIDIA.glob("*"))
    if device == "auto" and given and not torch.cuda.is_available():
        build = f"was built for CUDA {torch.version.cuda}" if torch.version.cuda else "was built without CUDA"
        raise UserError(
            f"there is a GPU on {socket.gethostname()}, but torch {torch.__version__}, which {build}, cannot use it: "
            "install a torch that fits the driver (nvidia-smi names its CUDA version), or set "
            f"models.{model}.device: cpu."
        )


def described(model: Any) -> str:
    """Where a loaded model runs: host, device with its name, and dtype."""
    import torch

    device = model.device
    name = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    return f"{socket.gethostname()}, {device}{name}, {str(model.dtype).removeprefix('torch.')}"
