"""A real SLURM on this machine: munge, one controller, two nodes with a pretended GPU each, all on loopback."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
# The only place where the job step finds it: it starts without SLURM_CONF.
SYSTEM = Path("/etc/slurm")
NODES = {"node0": 26820, "node1": 26821}
MARK = "# of the tests in tests/slurm\n"  # a file that a killed session left may be overwritten
CONF = """
ClusterName=horizon
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=26817
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=15
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n.spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SchedulerParameters=sched_interval=1,batch_sched_delay=0
ReturnToService=2
SlurmdTimeout=10
MinJobAge=7200
GresTypes=gpu
{nodes}
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=gpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=2
"""
NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=64000 Gres=gpu:1"


def missing() -> str:
    """Why no cluster can be started here, or an empty string."""
    if lacking := [program for program in PROGRAMS if not shutil.which(program)]:
        return f"SLURM is not installed ({', '.join(lacking)}): see .ci/run"
    if os.geteuid() != 0:
        return "the controller is started as root"
    conf = SYSTEM / "slurm.conf"
    if conf.exists() and not conf.read_text().startswith(MARK):
        return f"{conf} exists: this machine has a SLURM of its own"
    return ""


def call(*command: str) -> str:
    return subprocess.check_output(command, text=True, stderr=subprocess.STDOUT)


class Cluster:
    """The daemons of one cluster, its state in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[str] = []

    def start(self) -> None:
        (self.folder / "state").mkdir()
        host = call("hostname", "-s").strip()
        nodes = "\n".join(NODE.format(name=name, host=host, port=port) for name, port in NODES.items())
        SYSTEM.mkdir(exist_ok=True)
        (SYSTEM / "slurm.conf").write_text(MARK + CONF.format(folder=self.folder, host=host, nodes=nodes))
        (SYSTEM / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        (SYSTEM / "gres.conf").write_text("AutoDetect=off\nName=gpu File=/dev/null\n")
        self._munge()
        call("slurmctld", "-c")
        for name in NODES:
            self.start_node(name)
        self.wait(lambda: set(call("sinfo", "-h", "-N", "-o", "%T").split()) == {"idle"}, "nodes are not idle")

    def start_node(self, name: str) -> None:
        call("slurmd", "-N", name)

    def kill_node(self, name: str) -> None:
        """As if the power went: the daemon and everything of its jobs at once."""
        pids = [int((self.folder / f"{name}.pid").read_text())]
        for line in call("ps", "-eo", "pid,args").splitlines():
            pid, _, command = line.strip().partition(" ")
            if command.startswith("slurmstepd:"):
                pids += [int(pid), *descendants(int(pid))]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        for name in ("slurmctld", *NODES, "munge"):
            with suppress(OSError, ValueError):
                os.kill(int((self.folder / f"{name}.pid").read_text()), signal.SIGTERM)
        for name in ("slurm.conf", "cgroup.conf", "gres.conf"):
            (SYSTEM / name).unlink(missing_ok=True)

    def wait(self, ready, otherwise: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with suppress(subprocess.CalledProcessError):
                if ready():
                    return
            assert time.monotonic() < deadline, f"{otherwise}: {self.logs()}"
            time.sleep(0.2)

    def logs(self) -> str:
        return "\n".join(path.read_text()[-2000:] for path in self.folder.glob("*.log"))

    def _munge(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        paths = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{option}={self.folder}/munge.{suffix}" for option, suffix in paths.items()]
        call("munged", "--force", *options)


def descendants(pid: int) -> list[int]:
    """Processes below `pid`, the nearest first."""
    with suppress(OSError):
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return children + [below for child in children for below in descendants(child)]
    return []
