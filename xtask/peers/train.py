"""PyTorch's side of `cargo xtask bench train`: the same decoder, batch and AdamW, full and masked.

usage: train.py SEQUENCES LENGTH STEPS THREADS [DEVICE PRECISION SHAPE]

PRECISION is float32, tf32 (float32 whose products a GPU may round to 19 bits) or bfloat16 (autocast: float32 weights, products in
bfloat16). SHAPE is VOCABULARY,WIDTH,MLP,LAYERS,HEADS,KV_HEADS, the workshop's model where there is none.
"""

import contextlib
import json
import sys
import time

import torch
import torch.nn.functional as F

SEQUENCES, LENGTH, STEPS, THREADS = map(int, sys.argv[1:5])
DEVICE, PRECISION, SHAPE = sys.argv[5:] or ("cpu", "float32", "235,128,344,4,4,4")
VOCAB, WIDTH, MLP, LAYERS, HEADS, KV_HEADS = map(int, SHAPE.split(","))
ON_GPU = DEVICE != "cpu"
torch.set_num_threads(THREADS)
torch.set_float32_matmul_precision("high" if PRECISION == "tf32" else "highest")
torch.manual_seed(1)


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        linear = lambda i, o: torch.nn.Linear(i, o, bias=False)
        keys = WIDTH // HEADS * KV_HEADS
        self.q, self.k, self.v, self.o = linear(WIDTH, WIDTH), linear(WIDTH, keys), linear(WIDTH, keys), linear(WIDTH, WIDTH)
        self.gate, self.up, self.down = linear(WIDTH, MLP), linear(WIDTH, MLP), linear(MLP, WIDTH)
        self.norm1 = torch.nn.RMSNorm(WIDTH, eps=1e-5)
        self.norm2 = torch.nn.RMSNorm(WIDTH, eps=1e-5)

    def forward(self, x, cos, sin):
        b, t, _ = x.shape
        h = self.norm1(x)
        split = lambda y: y.view(b, t, -1, WIDTH // HEADS).transpose(1, 2)
        turn = lambda y: y * cos + torch.cat((-y[..., y.shape[-1] // 2 :], y[..., : y.shape[-1] // 2]), -1) * sin
        q, k, v = turn(split(self.q(h))), turn(split(self.k(h))), split(self.v(h))
        grouped = {"enable_gqa": True} if KV_HEADS != HEADS else {}
        a = F.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v, is_causal=True, **grouped)
        x = x + self.o(a.transpose(1, 2).reshape(b, t, WIDTH))
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Llama(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(VOCAB, WIDTH)
        self.layers = torch.nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = torch.nn.RMSNorm(WIDTH, eps=1e-5)
        half = WIDTH // HEADS // 2
        angles = torch.outer(torch.arange(LENGTH).float(), 1e4 ** (-torch.arange(half).float() / half)).repeat(1, 2)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, ids):
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x, self.cos, self.sin)
        return F.linear(self.norm(x), self.embed.weight)


def measure(masked):
    """Tokens a second, and the most bytes that PyTorch's allocator held of a GPU."""
    if ON_GPU:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    model = Llama().to(DEVICE)
    ids = torch.randint(0, VOCAB, (SEQUENCES, LENGTH + 1), device=DEVICE)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.95), weight_decay=0.0)
    masks = []
    for parameter in model.parameters() if masked else ():
        mask = torch.zeros_like(parameter)
        mask.view(-1)[::20] = 1
        masks.append(mask)
    products = torch.autocast(DEVICE, torch.bfloat16) if PRECISION == "bfloat16" else contextlib.nullcontext()

    def step():
        optimizer.zero_grad(set_to_none=True)
        with products:
            logits = model(ids[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten())
        loss.backward()
        for parameter, mask in zip(model.parameters(), masks):
            parameter.grad.mul_(mask)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    def timed(steps):
        start = time.perf_counter()
        for _ in range(steps):
            step()
        if ON_GPU:
            torch.cuda.synchronize()
        return time.perf_counter() - start

    timed(5)
    rate = SEQUENCES * LENGTH * STEPS / timed(STEPS)
    return round(rate), torch.cuda.max_memory_reserved() if ON_GPU else None


(full, full_bytes), (masked, masked_bytes) = measure(False), measure(True)
print(
    json.dumps(
        {
            "full": full,
            "masked": masked,
            "full_bytes": full_bytes,
            "masked_bytes": masked_bytes,
            "torch": torch.__version__,
        }
    )
)
