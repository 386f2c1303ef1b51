"""Writes a model folder for transformers.js: float32, with fused attention and key-value caches.

usage: export.py MODEL OUT
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import onnx


def main(model, out):
    with tempfile.TemporaryDirectory() as scratch:
        words = [sys.executable, "-m", "onnxruntime_genai.models.builder"]
        words += ["-i", model, "-o", scratch, "-c", scratch, "-p", "fp32", "-e", "cpu"]
        # The output matrix is applied to the prompt's last token alone, as generation needs it.
        words += ["--extra_options", "prune_lm_head=true"]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            sys.exit(done.stdout)
        model_proto = onnx.load(Path(scratch) / "model.onnx")
    # transformers.js makes the empty cache of these shapes, and takes every name but `batch_size` for 0.
    config = json.loads((model / "config.json").read_text())
    for value in [*model_proto.graph.input, *model_proto.graph.output]:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param == "kv_cache_dim":
                dim.dim_value = config["head_dim"]
    (out / "onnx").mkdir(parents=True, exist_ok=True)
    onnx.save(model_proto, out / "onnx/model.onnx")
    shutil.copy(model / "config.json", out)
    (out / "generation_config.json").write_text("{}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
