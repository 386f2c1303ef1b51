"""Reads a prompt and writes after it with transformers, greedily: prints tokens a second as JSON.

usage: inference.py MODEL PROMPT_TOKENS NEW_TOKENS THREADS DTYPE
"""

import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM


def main(folder, prompt_tokens, new_tokens, threads, dtype):
    torch.set_num_threads(threads)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    vocabulary = model.config.vocab_size
    ids = torch.tensor([[(i * 7919 + 13) % vocabulary for i in range(prompt_tokens)]])
    prefill, decode = float("inf"), float("inf")
    with torch.inference_mode():
        for _ in range(3):
            begun = time.perf_counter()
            out = model(ids, use_cache=True, logits_to_keep=1)
            first = time.perf_counter()
            token = out.logits[:, -1:].argmax(-1)
            for _ in range(new_tokens - 1):
                out = model(token, past_key_values=out.past_key_values, use_cache=True)
                token = out.logits[:, -1:].argmax(-1)
            prefill = min(prefill, first - begun)
            decode = min(decode, time.perf_counter() - first)
    rates = {"prefill": prompt_tokens / prefill, "decode": (new_tokens - 1) / decode}
    print(json.dumps(rates))


if __name__ == "__main__":
    folder, *numbers, dtype = sys.argv[1:]
    main(folder, *map(int, numbers), dtype)
