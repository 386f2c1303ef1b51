"""Tiny models, and what mergekit makes of them: mergekit_goldens.py COMMITTED FRESH [--write]

Reads the configurations `COMMITTED/*.yaml` (their first line says what they cover) and writes them to FRESH beside
`inputs/` (the models), `NAME.safetensors` (mergekit's output), `NAME.tokenizer.json` where it builds one, and `cases.json`.
Prints what differs from COMMITTED. Run it with PYTHONHASHSEED=0: mergekit's vocabularies depend on it.
"""

import json
import os
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import goldens
import numpy as np
import torch
import yaml
from safetensors.torch import load_file, save_file

GRID = 2.0**-14
"""Weights and differences are multiples of it, so that float32 subtracts them exactly and orders them as float64 does."""

REFUSED = {
    "two_forms": "merge_method: passthrough\nmodels: [{model: inputs/a}]\nslices: [{sources: [{model: inputs/a, layer_range: [0, 1]}]}]\n",
    "unknown_method": "merge_method: liner\nmodels: [{model: inputs/a, parameters: {weight: 1}}]\n",
    "weight_missing": "merge_method: ties\nbase_model: inputs/base\nmodels: [{model: inputs/a, parameters: {weight: 1}}, {model: inputs/b}]\n",
    "weight_for_some": "merge_method: linear\nmodels: [{model: inputs/a, parameters: {weight: [{filter: mlp, value: 1}]}}]\n",
    "t_in_a_model": "merge_method: slerp\nbase_model: inputs/base\nmodels: [{model: inputs/a, parameters: {t: 0.5}}]\n",
    "no_base": "merge_method: task_arithmetic\nmodels: [{model: inputs/a, parameters: {weight: 1}}]\n",
    "base_not_in_slice": "merge_method: slerp\nbase_model: inputs/base\nparameters: {t: 0.5}\nslices: [{sources: [{model: inputs/a, layer_range: [0, 1]}, {model: inputs/b, layer_range: [0, 1]}]}]\n",
    "slice_too_long": "merge_method: passthrough\nslices: [{sources: [{model: inputs/a, layer_range: [0, 3]}]}]\n",
    "slices_unequal": "merge_method: linear\nparameters: {weight: 1}\nslices: [{sources: [{model: inputs/a, layer_range: [0, 1]}, {model: inputs/b, layer_range: [0, 2]}]}]\n",
    "twice": "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: inputs/a}, {model: inputs/a}]\n",
    "too_many": "merge_method: slerp\nbase_model: inputs/base\nparameters: {t: 0.5}\nmodels: [{model: inputs/a}, {model: inputs/b}]\n",
    "shapes": "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: inputs/words}, {model: inputs/words_a}]\n",
    "tokenizer_twice": "merge_method: passthrough\nmodels: [{model: inputs/words}]\ntokenizer_source: base\ntokenizer: {source: base}\n",
    "della_range": "merge_method: della\nbase_model: inputs/base\nparameters: {weight: 1, density: 0.9, epsilon: 0.2}\nmodels: [{model: inputs/a}]\n",
}
"""Configurations that mergekit refuses, though often only half-way."""


class Shape:
    """A LLaMA-shaped model's sizes."""

    def __init__(self, layers, hidden, heads, inner, vocabulary, tied, dtype="float32"):
        self.config = {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": hidden,
            "intermediate_size": inner,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": 1,
            "head_dim": hidden // heads,
            "vocab_size": vocabulary,
            "max_position_embeddings": 64,
            "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0,
            "hidden_act": "silu",
            "tie_word_embeddings": tied,
            "torch_dtype": dtype,
        }
        keys = hidden // heads
        layer = {
            "input_layernorm": (hidden,),
            "self_attn.q_proj": (hidden, hidden),
            "self_attn.k_proj": (keys, hidden),
            "self_attn.v_proj": (keys, hidden),
            "self_attn.o_proj": (hidden, hidden),
            "post_attention_layernorm": (hidden,),
            "mlp.gate_proj": (inner, hidden),
            "mlp.up_proj": (inner, hidden),
            "mlp.down_proj": (hidden, inner),
        }
        self.tensors = {"model.embed_tokens.weight": (vocabulary, hidden)}
        for i in range(layers):
            self.tensors |= {f"model.layers.{i}.{name}.weight": shape for name, shape in layer.items()}
        self.tensors["model.norm.weight"] = (hidden,)
        if not tied:
            self.tensors["lm_head.weight"] = (vocabulary, hidden)

    def base(self, seed):
        """Random weights on the grid; norms near one."""
        random = np.random.default_rng(seed)
        return {n: np.round((random.normal(0, 0.5, s) if len(s) > 1 else random.normal(1, 0.02, s)) / GRID) * GRID
                for n, s in self.tensors.items()}

    def tuned(self, base, seed):
        """The base plus differences whose magnitudes are all unlike within a tensor; small ones for the norms."""
        random = np.random.default_rng(seed)
        out = {}
        for name, shape in self.tensors.items():
            size = int(np.prod(shape))
            steps = random.choice(np.arange(1, 4000 if len(shape) > 1 else 64), size, replace=False)
            out[name] = base[name] + (steps * random.choice([-1, 1], size) * GRID).reshape(shape)
        return out

    def coarse(self, seed):
        """Few values, many zeros: equal magnitudes everywhere."""
        random = np.random.default_rng(seed)
        return {n: random.integers(-2, 3, s) * 0.25 for n, s in self.tensors.items()}

    def write(self, folder, values, rows=None):
        """A model's folder; `rows`: how many of the vocabulary's rows the config tells of, where it differs."""
        dtype = getattr(torch, self.config["torch_dtype"])
        tensors = {n: torch.tensor(v).to(dtype).contiguous() for n, v in values.items()}
        folder.mkdir(parents=True)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        goldens.text(folder / "config.json", self.config | ({"vocab_size": rows} if rows else {}))


def tokenizer(folder, words, added):
    """A word-level tokenizer: `words` in the order of their ids, then added special tokens."""
    ids = {word: i for i, word in enumerate(words)}
    special = [(ids[w], w) for w in words[:3]] + [(len(words) + i, w) for i, w in enumerate(added)]
    flags = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    goldens.text(folder / "tokenizer.json", {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": w} | flags for i, w in special],
        "normalizer": None, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": ids, "unk_token": "<unk>"},
    })
    goldens.text(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"})


def inputs(folder):
    """Every model that the configurations name."""
    two = Shape(2, 6, 2, 7, 10, tied=False)
    base = two.base(1)
    two.write(folder / "base", base)
    for seed, name in enumerate("abc", 2):
        two.write(folder / name, two.tuned(base, seed))
    tied = Shape(2, 6, 2, 7, 10, tied=True)
    tied.write(folder / "tied", tied.base(5))
    for prefix, shape, seed in (("deep", Shape(4, 4, 1, 5, 8, tied=True), 10), ("half", Shape(1, 6, 3, 7, 10, True, "bfloat16"), 20)):
        base = shape.base(seed)
        shape.write(folder / f"{prefix}_base", base)
        shape.write(folder / f"{prefix}_a", shape.tuned(base, seed + 1))
        shape.write(folder / f"{prefix}_b", shape.tuned(base, seed + 2))
    equal = Shape(1, 6, 3, 7, 10, tied=True)
    for seed, name in enumerate(("equal_base", "equal_a", "equal_b"), 30):
        equal.write(folder / name, equal.coarse(seed))
    marks = ["<unk>", "<s>", "</s>"]
    for seed, (name, words, added, rows) in enumerate([
        ("words", [*marks, "sun", "moon", "sea", "sky", "river"], ["<y>"], 9),
        ("words_a", [*marks, "sea", "sun", "mist"], ["<x>"], 7),
        ("words_b", [*marks, "moon", "mist", "sun"], ["<y>"], 9),
    ], 40):
        shape = Shape(1, 4, 1, 5, rows, tied=False)
        shape.write(folder / name, shape.base(seed))
        tokenizer(folder / name, words, added)
    random = np.random.default_rng(50)
    pairs = {}
    for layer in range(2):
        for module, rank, rows, columns in (("self_attn.q_proj", 3, 6, 6), ("mlp.down_proj", 2, 6, 7)):
            key = f"base_model.model.model.layers.{layer}.{module}.lora_"
            pairs[key + "A.weight"] = torch.tensor(random.normal(0, 0.2, (rank, columns)), dtype=torch.float32)
            pairs[key + "B.weight"] = torch.tensor(random.normal(0, 0.2, (rows, rank)), dtype=torch.float32)
    goldens.text(folder / "lora/adapter_config.json", {
        "peft_type": "LORA", "base_model_name_or_path": "inputs/base", "r": 2, "lora_alpha": 6, "rank_pattern": {"q_proj": 3},
        "alpha_pattern": {}, "target_modules": ["q_proj", "down_proj"], "use_rslora": False, "fan_in_fan_out": False,
        "bias": "none", "modules_to_save": None, "task_type": "CAUSAL_LM"})
    save_file(pairs, folder / "lora/adapter_model.safetensors", metadata={"format": "pt"})


def merge(config, out):
    """Runs mergekit as `mergekit-yaml` does; the folder that it wrote."""
    from mergekit.config import MergeConfiguration
    from mergekit.merge import run_merge
    from mergekit.options import MergeOptions

    cache = out / "loras"
    options = MergeOptions(quiet=True, write_model_card=False, copy_tokenizer=False, lora_merge_cache=str(cache))
    run_merge(MergeConfiguration.model_validate(config), str(out), options=options)
    return out


def undecided(config):
    """By tensor, the flat indices where more elements are as large as the trim threshold than there is room for (one density for all)."""
    base, density = load_file(f"{config['base_model']}/model.safetensors"), config["parameters"]["density"]
    found = {}
    for model in config["models"]:
        for name, tensor in load_file(f"{model['model']}/model.safetensors").items():
            size = (tensor - base[name]).abs().flatten()
            kept = max(1, int(density * size.numel()))
            threshold = size.sort(descending=True).values[kept - 1]
            if (size >= threshold).sum() > kept and threshold > 0:
                found.setdefault(name, set()).update((size == threshold).nonzero().flatten().tolist())
    return {name: sorted(indices) for name, indices in sorted(found.items())}


def case(path, fresh, scratch):
    """Runs one configuration; what `cases.json` says of it. The tolerance is both relative and absolute, as in `allclose`."""
    written = path.read_text()
    config = yaml.safe_load(written)
    out = merge(config, scratch / path.stem)
    goldens.text(fresh / path.name, written)
    shutil.copy(out / "model.safetensors", fresh / f"{path.stem}.safetensors")
    if (out / "tokenizer.json").exists():
        shutil.copy(out / "tokenizer.json", fresh / f"{path.stem}.tokenizer.json")
    told = {"name": path.stem, "method": config["merge_method"], "covers": written.splitlines()[0].removeprefix("# ")}
    result = json.loads((out / "config.json").read_text())
    told |= {"layers": result["num_hidden_layers"], "vocabulary": result["vocab_size"]}
    if "trim" in path.stem:
        return told | {"tolerance": 1e-6, "undecided": undecided(config)}
    if config.get("dtype") != "float32" or "out_dtype" in config:
        # bfloat16 has 8 bits: one rounding may go the other way, and in a method that rounds at every step several.
        return told | {"tolerance": 2.0**-8 if "dtype" in config or told["method"] == "linear" else 2.0**-7}
    # The same in float64: a case where the two part company would test rounding and not the method.
    wide = load_file(merge(config | {"dtype": "float64"}, scratch / "wide") / "model.safetensors")
    gap = 0.0
    for name, tensor in load_file(out / "model.safetensors").items():
        exact = wide[name].to(tensor.dtype).double()
        assert torch.allclose(tensor.double(), exact, rtol=1e-6, atol=1e-6), f"{path.stem}: {name} is ill-conditioned"
        gap = max(gap, (tensor.double() - exact).abs().max().item())
    shutil.rmtree(scratch / "wide")
    return told | {"tolerance": 1e-6, "float32_error": float(f"{gap:.2g}")}


def refusal(text, scratch):
    """mergekit's words for a configuration that can't be run."""
    try:
        merge(yaml.safe_load(text), scratch / "refused")
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]
    raise AssertionError(f"mergekit ran what it should refuse: {text}")


def main():
    committed, fresh = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    goldens.quiet()
    inputs(fresh / "inputs")
    os.chdir(fresh)
    with tempfile.TemporaryDirectory() as scratch:
        cases = [case(path, fresh, Path(scratch)) for path in sorted(committed.glob("*.yaml"))]
        refused = {name: {"config": text, "error": refusal(text, Path(scratch))} for name, text in REFUSED.items()}
    versions = {name: version(name) for name in ("mergekit", "torch", "transformers", "peft")}
    goldens.text(fresh / "cases.json", {"versions": versions, "cases": cases, "refused": refused})
    goldens.report(fresh, committed)


if __name__ == "__main__":
    main()
