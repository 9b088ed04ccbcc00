"""Worker processes, and what becomes of them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from avserver.training.workers import start_workers


def ended(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)  # nobody may be there to bury it
    except psutil.NoSuchProcess:
        return True


def test_workers_work() -> None:
    with start_workers(2) as pool:
        assert list(pool.map(abs, [-1, -2, -3])) == [1, 2, 3]
        assert pool.submit(os.getpid).result() != os.getpid()


def test_workers_end_with_the_one_they_work_for(tmp_path: Path) -> None:
    script = tmp_path / "boss.py"
    script.write_text(
        "import os, time\n"
        "from avserver.training.workers import start_workers\n"
        "if __name__ == '__main__':\n"
        "    pool = start_workers(1)\n"
        "    print(pool.submit(os.getpid).result(), flush=True)\n"
        "    time.sleep(100)\n"
    )
    here = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=here) as boss:
        assert boss.stdout is not None
        worker = psutil.Process(int(boss.stdout.readline()))
        boss.kill()
    end_s = time.monotonic() + 20
    while not ended(worker) and time.monotonic() < end_s:
        time.sleep(0.05)
    left = not ended(worker)
    if left:
        worker.kill()
    assert not left
