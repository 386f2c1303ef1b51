"""mergekit's side of `cargo xtask bench merge`: one merge with its command line, as its README has it, timed from outside.

usage: merge.py METHOD THREADS OUT BASE MODEL...

METHOD is task_arithmetic or ties; THREADS sets OMP_NUM_THREADS, 0 leaves it alone; OUT is a folder that is made and removed.
Prints one line of JSON: wall, user and system seconds, the largest resident set in bytes, and what of the wall is start-up.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

METHOD, THREADS, OUT, BASE, *MODELS = sys.argv[1:]
PARAMETERS = {"task_arithmetic": {"weight": 0.4}, "ties": {"weight": 0.4, "density": 0.5}}[METHOD]
# Nothing but the weights is written. --lazy-unpickle only matters for pickled models and costs nothing here.
OPTIONS = ["--lazy-unpickle", "--no-copy-tokenizer", "--no-write-model-card", "--quiet"]
COMMAND = [str(Path(sys.executable).with_name("mergekit-yaml"))]


def timed(arguments, environment):
    """Runs mergekit's command; wall, user and system seconds, and the largest resident set in bytes."""
    began = time.perf_counter()
    child = subprocess.Popen(COMMAND + arguments, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"mergekit failed with {child.returncode}: its last lines stand above")
    return seconds, usage.ru_utime, usage.ru_stime, usage.ru_maxrss * 1024


def main():
    environment = dict(os.environ, HF_HUB_OFFLINE="1")
    environment.pop("OMP_NUM_THREADS", None)
    if THREADS != "0":
        environment["OMP_NUM_THREADS"] = THREADS
    config = {
        "merge_method": METHOD,
        "base_model": str(Path(BASE).resolve()),
        "models": [{"model": str(Path(model).resolve()), "parameters": PARAMETERS} for model in MODELS],
        "dtype": "bfloat16",
    }
    with tempfile.TemporaryDirectory() as scratch:
        recipe = Path(scratch) / "merge.yaml"
        recipe.write_text(json.dumps(config))  # JSON is YAML
        start, *_ = timed(["--help"], environment)
        try:
            seconds, user, system, resident = timed([str(recipe), OUT, *OPTIONS], environment)
            written = sum(file.stat().st_size for file in Path(OUT).glob("*.safetensors"))
        finally:
            shutil.rmtree(OUT, ignore_errors=True)
    read = sum(file.stat().st_size for model in (BASE, *MODELS) for file in Path(model).glob("*.safetensors"))
    print(json.dumps({
        "peer": f"mergekit {version('mergekit')}", "torch": version("torch"), "method": METHOD, "threads": int(THREADS),
        "models": 1 + len(MODELS), "wall_secs": seconds, "startup_secs": start, "user_secs": user, "system_secs": system,
        "peak_bytes": resident, "bytes_read": read, "bytes_written": written,
    }))


if __name__ == "__main__":
    main()
