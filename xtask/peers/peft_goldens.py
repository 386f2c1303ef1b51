"""Small LoRA adapters, and what PEFT makes of them: peft_goldens.py COMMITTED FRESH [--write]

Writes to FRESH: `inputs/` (two models), `adapters/NAME/` as PEFT saves them, `NAME.safetensors` (the tensors that
`merge_and_unload` changed), `combined/NAME/` (adapters made by `add_weighted_adapter` without the base) and `cases.json`.
Prints what differs from COMMITTED. Run it with PYTHONHASHSEED=0: PEFT writes sets into its configurations.
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path

import goldens
import numpy as np
import torch
from safetensors.torch import save_file

LLAMA = dict(hidden_size=8, intermediate_size=10, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, head_dim=4,
             vocab_size=12, max_position_embeddings=32, tie_word_embeddings=False)
GPT2 = dict(n_embd=8, n_inner=12, n_layer=1, n_head=2, vocab_size=12, n_positions=16)

ADAPTERS = {
    "plain": ("llama", "alpha / r for every module", dict(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj"])),
    "other": ("llama", "another alpha and rank, for combining with `plain`", dict(r=3, lora_alpha=2, target_modules=["q_proj", "v_proj"])),
    "alike": ("llama", "the rank of `plain`, another alpha", dict(r=2, lora_alpha=3, target_modules=["q_proj", "v_proj"])),
    "patterns": ("llama", "rank_pattern and alpha_pattern: by module, by a longer name, by regular expression",
                 dict(r=2, lora_alpha=4, target_modules=["q_proj", "o_proj", "down_proj"],
                      rank_pattern={"down_proj": 3, "layers.0.self_attn.q_proj": 1}, alpha_pattern={r"layers\.1\..*_proj": 6, "o_proj": 1})),
    "rslora": ("llama", "use_rslora: alpha / sqrt(r), with patterns too",
               dict(r=3, lora_alpha=2, use_rslora=True, target_modules=["k_proj", "gate_proj"], rank_pattern={"gate_proj": 2}, alpha_pattern={"k_proj": 5})),
    "embeddings": ("llama", "LoRA of the embeddings and of lm_head", dict(r=2, lora_alpha=3, target_modules=["embed_tokens", "lm_head", "up_proj"])),
    "saved": ("llama", "modules_to_save: whole tensors replace the base's",
              dict(r=2, lora_alpha=4, target_modules=["q_proj"], modules_to_save=["lm_head", "norm"])),
    "conv1d": ("gpt2", "fan_in_fan_out: the base's weights are [in, out]", dict(r=2, lora_alpha=4, fan_in_fan_out=True, target_modules=["c_attn", "c_proj"])),
}
"""By name: the model, what it covers, the arguments of `LoraConfig`."""

COMBINED = {
    "cat": (["plain", "other"], [0.7, -0.4], dict(combination_type="cat")),
    "linear": (["plain", "alike"], [0.7, 0.4], dict(combination_type="linear")),
    "linear_negative": (["plain", "alike"], [0.7, -0.4], dict(combination_type="linear")),
    "svd": (["plain", "other"], [0.7, -0.4], dict(combination_type="svd")),
    "svd_rank": (["plain", "other"], [0.7, 0.4], dict(combination_type="svd", svd_rank=2)),
    "ties": (["plain", "alike"], [0.7, 0.4], dict(combination_type="ties", density=0.5)),
    "ties_frequency": (["plain", "alike"], [0.7, 0.4], dict(combination_type="ties", density=0.4, majority_sign_method="frequency")),
    "ties_svd": (["plain", "other"], [0.7, 0.4], dict(combination_type="ties_svd", density=0.5, svd_rank=3)),
    "magnitude_prune": (["plain", "alike"], [0.7, 0.4], dict(combination_type="magnitude_prune", density=0.5)),
}
"""By name: the adapters, their weights, the arguments of `add_weighted_adapter`."""


def fill(named, seed):
    """Random values by name, independent of PyTorch's generator."""
    random = np.random.default_rng(seed)
    with torch.no_grad():
        for _, tensor in sorted(named, key=lambda pair: pair[0]):
            tensor.copy_(torch.tensor(random.normal(0, 0.3, tuple(tensor.shape)), dtype=tensor.dtype))


def base(name):
    """A base model with random weights, always the same."""
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(LlamaConfig(**LLAMA)) if name == "llama" else GPT2LMHeadModel(GPT2Config(**GPT2))
    fill(model.named_parameters(), 1)
    model.name_or_path = f"inputs/{name}"
    return model


def save(model, folder, name):
    """Saves one adapter the way PEFT does, without its model card."""
    model.save_pretrained(folder, selected_adapters=[name])
    for file in folder.rglob("README.md"):
        file.unlink()
    inner = folder / name
    if inner.is_dir():
        for file in inner.iterdir():
            file.rename(folder / file.name)
        inner.rmdir()


def changed(before, after):
    """The tensors that differ; those shared by two names once."""
    return {n: t.clone().contiguous() for n, t in after.items() if n not in before or not torch.equal(t, before[n])}


def main():
    committed, fresh = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    goldens.quiet()
    from peft import LoraConfig, PeftModel, get_peft_model

    fresh.mkdir(parents=True)
    os.chdir(fresh)
    for name in ("llama", "gpt2"):
        base(name).save_pretrained(Path("inputs") / name)
        (Path("inputs") / name / "generation_config.json").unlink(missing_ok=True)
    cases = []
    for seed, (name, (model, covers, arguments)) in enumerate(ADAPTERS.items(), 10):
        tuned = get_peft_model(base(model), LoraConfig(**arguments), adapter_name=name)
        fill([(n, p) for n, p in tuned.named_parameters() if p.requires_grad], seed)
        folder = Path("adapters") / name
        save(tuned, folder, name)
        merged = PeftModel.from_pretrained(base(model), folder).merge_and_unload()
        tensors = changed(base(model).state_dict(), merged.state_dict())
        save_file(tensors, f"{name}.safetensors", metadata={"format": "pt"})
        cases.append({"name": name, "model": model, "covers": covers, "changed": sorted(tensors), "tolerance": 1e-6})
    combined = []
    for name, (adapters, weights, arguments) in COMBINED.items():
        both = PeftModel.from_pretrained(base("llama"), Path("adapters") / adapters[0], adapter_name=adapters[0])
        for other in adapters[1:]:
            both.load_adapter(Path("adapters") / other, adapter_name=other)
        both.add_weighted_adapter(adapters, weights, name, **arguments)
        save(both, Path("combined") / name, name)
        # Singular vectors have no sign of their own: only the product of the two matrices is defined.
        by = "product" if "svd" in name else "factors"
        combined.append({"name": name, "adapters": adapters, "weights": weights, **arguments, "compare": by, "tolerance": 1e-5 if by == "product" else 1e-6})
    versions = {name: version(name) for name in ("peft", "torch", "transformers")}
    goldens.text("cases.json", {"versions": versions, "adapters": cases, "combined": combined})
    goldens.report(fresh, committed)


if __name__ == "__main__":
    main()
