"""What an NVIDIA GPU can do by PyTorch's own kernels: the limits that `cargo xtask bench train --device cuda` compares with.

Prints JSON: the card's name, its memory in bytes, and TFLOP/s of products of 8192 × 8192 matrices by precision.
"""

import json
import sys
import time

import torch

SIZE, TURNS = 8192, 20
if not torch.cuda.is_available():
    sys.exit("PyTorch finds no NVIDIA card here: run this where there is one, with its driver")


def product(dtype, precision="highest"):
    """TFLOP/s of the faster of two halves."""
    torch.set_float32_matmul_precision(precision)
    a = torch.randn(SIZE, SIZE, device="cuda", dtype=dtype)
    b = torch.randn(SIZE, SIZE, device="cuda", dtype=dtype)

    def secs():
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(TURNS):
            a @ b
        torch.cuda.synchronize()
        return (time.perf_counter() - start) / TURNS

    secs()
    return 2 * SIZE**3 / min(secs(), secs()) / 1e12


card = torch.cuda.get_device_properties(0)
limits = {
    "float32": product(torch.float32),
    "tf32": product(torch.float32, "high"),
    "bfloat16": product(torch.bfloat16),
}
print(json.dumps({"name": card.name, "bytes": card.total_memory, "tflops": limits}))
