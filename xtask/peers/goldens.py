"""What the makers of goldens share: writing them in a folder of their own, and saying what differs from the committed ones."""

import json
import os
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file


def text(path, value):
    """Writes a text, or anything else as JSON, with the folders above it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value, indent=1) + "\n")


def difference(fresh, committed):
    """What differs between two files, in words; None when they are the same."""
    if fresh.read_bytes() == committed.read_bytes():
        return None
    if fresh.suffix != ".safetensors":
        return "differs"
    a, b = load_file(fresh), load_file(committed)
    if (names := sorted(set(a) ^ set(b))):
        return f"other tensors: {', '.join(names[:3])}"
    worst, where = 0.0, ""
    for name, tensor in a.items():
        if tensor.shape != b[name].shape or tensor.dtype != b[name].dtype:
            return f"{name} has another shape or dtype"
        gap = (tensor.double() - b[name].double()).abs().nan_to_num(nan=float("inf")).max().item()
        if gap > worst:
            worst, where = gap, name
    return f"largest difference {worst:.3g} in {where}" if worst else "same values, other bytes"


def report(fresh, committed):
    """Prints a line a file that differs; with `--write` as the last argument takes it over, else exits with 1 if there is one."""
    fresh, committed = Path(fresh), Path(committed)
    files = {p.relative_to(root) for root in (fresh, committed) for p in root.rglob("*") if p.is_file()}
    wrong = 0
    for name in sorted(files):
        if not (committed / name).exists():
            what = "is not committed"
        elif not (fresh / name).exists():
            what = "is no longer made"
        else:
            what = difference(fresh / name, committed / name)
        if what:
            wrong += 1
            print(f"{name}: {what}")
    print(f"{committed.name}: {len(files) - wrong} of {len(files)} files as committed")
    if sys.argv[-1] == "--write":
        shutil.copytree(fresh, committed, dirs_exist_ok=True)
    elif wrong:
        sys.exit(1)


def quiet():
    """No progress bars, no warnings; one thread, so that sums run in one order."""
    import logging
    import warnings

    os.environ["HF_HUB_OFFLINE"] = "1"
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    from transformers.utils import logging as hf

    hf.disable_progress_bar()
