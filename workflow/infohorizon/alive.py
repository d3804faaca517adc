"""Which runs of Snakemake live in a folder: so that the lock of a run that was killed does not outlive it."""

import fcntl
import shutil
import socket
from pathlib import Path
from typing import TextIO

_marks: list[TextIO] = []  # stay open: the kernel lets go of their locks when this process ends, however it ends


def register(folder: Path) -> None:
    """Mark this process as a live run in `folder` (.snakemake); if no other is, remove the locks found there.

    Several live runs share the mark, and Snakemake's own locks decide which of them may go on. Where the file system
    knows no flock, or once a run was started on another host (flock may be each host's own), nothing is removed:
    `snakemake --unlock` does that.
    """
    host = socket.gethostname()
    try:
        folder.mkdir(exist_ok=True)
        mark = open(folder / "alive", "a+")  # noqa: SIM115 (readable, too: NFS grants a shared lock to readers alone)
        mark.seek(0)
        hosts = set(mark.read().split())
        if host not in hosts:
            mark.write(f"{host}\n")
            mark.flush()
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if hosts <= {host}:
                shutil.rmtree(folder / "locks", ignore_errors=True)
        except BlockingIOError:
            pass
        fcntl.flock(mark, fcntl.LOCK_SH)
    except OSError:
        return
    _marks.append(mark)
