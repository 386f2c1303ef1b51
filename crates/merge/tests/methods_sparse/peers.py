"""Writes peers.json: what mergekit 0.1.5 and PEFT 0.21.2 compute on one small tensor, in float32.

`cargo xtask parity mergekit` runs it and compares.
"""

import itertools
import json

import torch
from mergekit.merge_methods import merge_tensors
from peft.utils import merge_utils

torch.manual_seed(20)
SHAPE = (4, 8)
base = torch.randn(SHAPE)
models = [base + 0.3 * torch.randn(SHAPE) for _ in range(3)]
cases = []


def values(tensor):
    return [float(f"{value:.9g}") for value in tensor.flatten().tolist()]


def case(method, dialect, out, **parameters):
    cases.append({"method": method, "dialect": dialect, "parameters": parameters, "out": values(out)})


def mergekit(method, **parameters):
    out = merge_tensors([base, *models], method, parameters=parameters, base_index=0)
    case(method, "mergekit", out, **parameters)


for weight, density in itertools.product(([1.0, 1.0, 1.0], [0.5, -0.3, 1.2]), ([0.3, 0.5, 0.8], [0.01, 1.0, 0.0])):
    each = {"weight": weight, "density": density}
    for normalize in (False, True):
        mergekit("task_arithmetic", normalize=normalize, **{"lambda": 0.7}, **each)
        mergekit("ties", normalize=normalize, rescale=normalize, **each)
        mergekit("breadcrumbs", normalize=normalize, gamma=0.1, **each)
        mergekit("breadcrumbs_ties", normalize=normalize, gamma=0.0, rescale=True, **each)
    mergekit("ties", **each)
    mergekit("breadcrumbs_ties", gamma=0.6, **{"lambda": -0.5}, **each)

# PEFT merges factors of adapters; here its functions merge the differences themselves.
deltas = [model - base for model in models]
for weight, density in itertools.product(([1.0, 1.0, 1.0], [0.5, -0.3, 1.2]), (0.01, 0.3, 0.8, 1.0)):
    merged = merge_utils.ties(deltas, torch.tensor(weight), density)
    case("ties", "peft", base + merged, weight=weight, density=[density] * 3)

print("{")
print(f'"shape": {json.dumps(SHAPE)}, "base": {values(base)}, "models": {[values(model) for model in models]},')
print('"cases": [\n' + ",\n".join(json.dumps(case) for case in cases) + "\n]}")
