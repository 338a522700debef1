"""A SLURM cluster of one node, with accounting, for as long as a test runs.

The daemons are the distribution's; keys, sockets, logs and databases lie in a folder of the
test's own and all ports are free ones, so that several clusters can run side by side.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROGRAMS = ("munged", "mariadbd", "mariadb-install-db", "slurmdbd", "slurmctld", "slurmd", "sacct")
SEARCHED = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"])

ACCOUNT = "heads"
PARTITION = "short"
GPU_PARTITION = "accelerated"

SLURM_CONF = """\
ClusterName=heads
SlurmctldHost=localhost({address})
SlurmctldPort={slurmctld}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=10
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_min_interval=200000,batch_sched_delay=1,bf_interval=5
ReturnToService=2
JobRequeue=1
KillWait=5
MinJobAge=86400
SlurmdParameters=config_overrides
GresTypes=gpu
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={address}
AccountingStoragePort={slurmdbd}
AccountingStoragePass={folder}/munge.socket
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
NodeName=n1 NodeAddr={address} NodeHostname=localhost Port={slurmd} CPUs=8 SocketsPerBoard=1 \
CoresPerSocket=8 ThreadsPerCore=1 RealMemory=64000 Gres=gpu:2 State=UNKNOWN
PartitionName={partition} Nodes=n1 Default=YES MaxTime=06:00:00 State=UP
PartitionName={gpu_partition} Nodes=n1 MaxTime=06:00:00 State=UP
"""
# Files that can always be opened stand for GPUs; the node claims CPUs and memory as well.
GRES_CONF = """\
AutoDetect=off
NodeName=n1 Name=gpu File=/dev/null
NodeName=n1 Name=gpu File=/dev/zero
"""
SLURMDBD_CONF = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost=localhost
DbdAddr={address}
DbdPort={slurmdbd}
CommunicationParameters=NoInAddrAny
SlurmUser=root
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
"""
DATABASE = """\
CREATE DATABASE IF NOT EXISTS slurm;
CREATE USER IF NOT EXISTS slurm@127.0.0.1 IDENTIFIED BY 'slurm';
GRANT ALL ON slurm.* TO slurm@127.0.0.1;
"""
# The step executor drops SLURM_CONF before it calls srun; real clusters keep it in /etc.
SRUN = """\
#!/bin/sh
export SLURM_CONF={folder}/slurm.conf
exec {srun} "$@"
"""


def unavailable() -> str:
    """Why no cluster can be started here; empty when one can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=SEARCHED) is None]
    if absent:
        return f"SLURM is not installed ({', '.join(absent)}): sh envs/system-packages.sh"
    if os.getuid() != 0:
        return "SLURM's daemons start jobs for other users and need root"
    try:
        own_address()
    except OSError:
        return "SLURM's daemons have to find the host by its name"
    return ""


def own_address() -> str:
    """What the host's name stands for: SLURM's daemons listen there and nowhere else."""
    return socket.gethostbyname(socket.gethostname())


def wait_for(what: str, ready: Callable[[], bool], seconds: float) -> None:
    """Return when `ready` does; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not after {seconds:g} s")
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Ports on which nothing listens now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def listening(port: int, address: str | None = None) -> bool:
    with socket.socket() as client:
        return client.connect_ex((address or own_address(), port)) == 0


class Cluster:
    """A running cluster; `environment` holds what programs need to use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "SLURM_CONF": f"{folder}/slurm.conf",
            "PATH": os.pathsep.join([f"{folder}/bin", SEARCHED]),
        }

    def run(self, *command: str) -> str:
        """What one of SLURM's programs prints; an error when it fails."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def jobs(self) -> list[dict[str, str]]:
        """Every job so far, by the accounting's fields."""
        fields = ("JobID", "Comment", "State", "Account", "Partition", "AllocTRES", "Timelimit")
        table = self.run("sacct", "-X", "-n", "-P", "-a", "-o", ",".join(fields))
        return [dict(zip(fields, row.split("|"), strict=True)) for row in table.splitlines()]

    def queue(self) -> list[str]:
        """Numbers of the jobs that wait or run."""
        return self.run("squeue", "-h", "-o", "%A").split()


@contextmanager
def daemon(cluster: Cluster, *command: str) -> Iterator[None]:
    """A daemon in the foreground, with its output in a file; stopped at the end."""
    log = cluster.folder / f"{command[0]}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=cluster.environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} ended early: {log.read_text()[-2000:]}")
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def slurm_cluster(folder: Path) -> Iterator[Cluster]:
    """Start munged, mariadbd, slurmdbd, slurmctld and slurmd, and stop them in reverse."""
    cluster = Cluster(folder)
    names = ("slurmctld", "slurmd", "slurmdbd", "database")
    ports = dict(zip(names, free_ports(4), strict=True))
    _write_files(folder, ports)
    with ExitStack() as running:
        try:
            _start(cluster, ports, running)
        except (OSError, RuntimeError) as error:
            logs = "".join(f"\n{log}: {log.read_text()[-1000:]}" for log in folder.glob("*.log"))
            raise RuntimeError(f"{error}{logs}") from error
        try:
            yield cluster
        finally:
            # A job's processes are no children of slurmd: they would outlive it.
            cluster.run("scancel", "--user=root")
            wait_for("an empty queue", lambda: not cluster.queue(), 30)


def _start(cluster: Cluster, ports: dict[str, int], running: ExitStack) -> None:
    folder = cluster.folder

    def start(*command: str) -> None:
        running.enter_context(daemon(cluster, *command))

    def idle() -> bool:
        return cluster.run("sinfo", "-h", "-N", "-p", PARTITION, "-o", "%T") == "idle"

    start(
        "munged", "--foreground", "--force", f"--key-file={folder}/munge.key",
        f"--socket={folder}/munge.socket", f"--pid-file={folder}/munged.pid",
        f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed",
    )  # fmt: skip
    start(
        "mariadbd", "--no-defaults", "--user=root", f"--datadir={folder}/database",
        f"--socket={folder}/database.socket", f"--pid-file={folder}/mariadbd.pid",
        "--bind-address=127.0.0.1", f"--port={ports['database']}", "--skip-name-resolve",
        "--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900",
        "--performance-schema=OFF", f"--init-file={folder}/database.sql",
    )  # fmt: skip
    wait_for("munged", (folder / "munge.socket").exists, 20)
    wait_for("mariadbd", lambda: listening(ports["database"], "127.0.0.1"), 60)
    start("slurmdbd", "-D")
    wait_for("slurmdbd", lambda: listening(ports["slurmdbd"]), 60)
    cluster.run("sacctmgr", "-i", "add", "cluster", "heads")
    cluster.run("sacctmgr", "-i", "add", "account", ACCOUNT, "cluster=heads")
    cluster.run("sacctmgr", "-i", "add", "user", "root", f"account={ACCOUNT}")
    start("slurmctld", "-D")
    wait_for("slurmctld", lambda: listening(ports["slurmctld"]), 30)
    start("slurmd", "-D", "-N", "n1")
    wait_for("an idle node", idle, 60)


def _write_files(folder: Path, ports: dict[str, int]) -> None:
    """Configurations, the key, and a database without tables."""
    for name in ("bin", "state", "spool", "database"):
        (folder / name).mkdir()
    values = {
        **ports,
        "address": own_address(),
        "folder": folder,
        "srun": shutil.which("srun", path=SEARCHED),
    }
    values |= {"partition": PARTITION, "gpu_partition": GPU_PARTITION}
    modes = {"slurm.conf": 0o644, "gres.conf": 0o644, "slurmdbd.conf": 0o600, "bin/srun": 0o755}
    texts = (SLURM_CONF, GRES_CONF, SLURMDBD_CONF, SRUN)
    for (name, mode), text in zip(modes.items(), texts, strict=True):
        (folder / name).write_text(text.format(**values))
        (folder / name).chmod(mode)
    (folder / "database.sql").write_text(DATABASE)
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o600)
    subprocess.run(
        ["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={folder}/database"]
        + ["--auth-root-authentication-method=normal", "--skip-test-db"],
        env={"PATH": SEARCHED},
        check=True,
        capture_output=True,
    )
