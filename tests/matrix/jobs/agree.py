"""agree(): holds this process's tables against /proc, where it is profiled (agree.sh)."""
import os
import subprocess
import sys


def agree(*words):
    sys.stdout.flush()
    subprocess.run(["sh", os.environ["MATRIX_HERE"] + "/agree.sh", str(os.getpid()), *words], check=False)
