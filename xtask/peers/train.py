"""PyTorch's side of `cargo xtask bench train`: the same decoder, batch and AdamW, full and masked.

usage: train.py SEQUENCES LENGTH STEPS THREADS
"""

import json
import sys
import time

import torch
import torch.nn.functional as F

SEQUENCES, LENGTH, STEPS, THREADS = map(int, sys.argv[1:])
VOCAB, WIDTH, MLP, LAYERS, HEADS = 235, 128, 344, 4, 4
torch.set_num_threads(THREADS)
torch.manual_seed(1)


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        linear = lambda i, o: torch.nn.Linear(i, o, bias=False)
        self.q, self.k, self.v, self.o = (linear(WIDTH, WIDTH) for _ in range(4))
        self.gate, self.up, self.down = linear(WIDTH, MLP), linear(WIDTH, MLP), linear(MLP, WIDTH)
        self.norm1 = torch.nn.RMSNorm(WIDTH, eps=1e-5)
        self.norm2 = torch.nn.RMSNorm(WIDTH, eps=1e-5)

    def forward(self, x, cos, sin):
        b, t, _ = x.shape
        h = self.norm1(x)
        split = lambda y: y.view(b, t, HEADS, WIDTH // HEADS).transpose(1, 2)
        turn = lambda y: y * cos + torch.cat((-y[..., y.shape[-1] // 2 :], y[..., : y.shape[-1] // 2]), -1) * sin
        q, k, v = turn(split(self.q(h))), turn(split(self.k(h))), split(self.v(h))
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
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
    model = Llama()
    ids = torch.randint(0, VOCAB, (SEQUENCES, LENGTH + 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.95), weight_decay=0.0)
    masks = [torch.zeros_like(p) for p in model.parameters()]
    for mask in masks:
        mask.view(-1)[::20] = 1

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        if masked:
            for parameter, mask in zip(model.parameters(), masks):
                parameter.grad.mul_(mask)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    for _ in range(5):
        step()
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    return SEQUENCES * LENGTH * STEPS / (time.perf_counter() - start)


print(json.dumps({"full": round(measure(False)), "masked": round(measure(True)), "torch": torch.__version__}))
