#!/usr/bin/env python3
"""Writes integrated gradients of the nets of this folder, made by PyTorch's autograd in double.

    python -m venv venv
    venv/bin/pip install torch==2.15.0 safetensors==0.8.0 numpy==2.4.6 tqdm packaging
    venv/bin/pip install --no-deps captum==0.9.0
    venv/bin/python tests/golden/torch/generate_attributions.py

<case>.attribution is text: `features steps cases`, then per case a line `window baseline output
after_head value baseline_value` (windows by their number in <case>.txt, baseline -1: zeros) and a
line of the attributions, step after step. The path is cut into 8,192 parts of 5 Gauss-Legendre
points, far more than the C code takes; where the net is smooth, Captum's own Gauss-Legendre rule
with 150 points (whose weights are floats) must agree to 1e-7 of the largest, or nothing is written.
"""
import os

import numpy
import torch
from safetensors.torch import load_file

import generate

PARTS, POINTS, CAPTUM_POINTS = 8192, 5, 150
SMOOTH = ("lstm", "gru", "plain")


def windows(name):
    with open(os.path.join(generate.FOLDER, f"{name}.txt")) as file:
        count, steps, features, _ = map(int, file.readline().split())
        lines = file.read().splitlines()
    x = [[float(v) for v in lines[3 * i].split()] for i in range(count)]
    return torch.tensor(x, dtype=torch.float64).reshape(count, steps, features)


def load(name):
    case = generate.CASES[name]
    net = generate.Net(*case, bias=name != "plain")
    net.load_state_dict(load_file(os.path.join(generate.FOLDER, f"{name}.safetensors")))
    with torch.no_grad():
        for module in net.modules():  # almanac keeps one bias of an LSTM: their sum as a float
            for key, bias in module.named_parameters(recurse=False):
                if isinstance(module, torch.nn.LSTM) and key.startswith("bias_ih"):
                    other = getattr(module, key.replace("_ih_", "_hh_"))
                    bias.copy_(bias + other)
                    other.zero_()
    return net.double()


def output_of(net, output, after_head):
    what = net.what

    def f(x):
        net.what = what if after_head else "values"
        y = net(x)[:, output]
        net.what = what
        return y
    return f


def integrate(f, x, base):
    nodes, weights = numpy.polynomial.legendre.leggauss(POINTS)
    total = torch.zeros_like(x)
    for part in numpy.array_split(numpy.arange(PARTS), 64):
        a = ((part[:, None] + (nodes + 1) / 2) / PARTS).ravel()
        w = numpy.tile(weights / 2 / PARTS, len(part))
        at = (base + torch.tensor(a)[:, None, None] * (x - base)).requires_grad_()
        gradient, = torch.autograd.grad(f(at).sum(), at)
        total += (torch.tensor(w)[:, None, None] * gradient).sum(dim=0)
    return total * (x - base)


def check_captum(name, smooth, f, *path):
    from captum.attr import IntegratedGradients
    x, base, mine = path
    theirs = IntegratedGradients(f).attribute(x[None], base[None], n_steps=CAPTUM_POINTS,
                                              method="gausslegendre")[0]
    error = float((theirs - mine).abs().max() / mine.abs().max())
    print(f"{name}: Captum differs by {error:.2g} of the largest")
    if smooth and error > 1e-7:
        raise SystemExit(f"{name}: Captum and this program differ by {error}")


def write(name):
    net, x = load(name), windows(name)
    zero = torch.zeros_like(x[0])
    lines = []
    for window, baseline, output, after in ((0, -1, 0, 0), (1, 11, 1, 0), (2, 10, 1, 1)):
        output = min(output, net.head.out_features - 1)
        f, base = output_of(net, output, after), zero if baseline < 0 else x[baseline]
        mine = integrate(f, x[window], base)
        smooth = name in SMOOTH and not (after and net.what == "quantiles")  # sorting has edges
        check_captum(name, smooth, f, x[window], base, mine)
        with torch.no_grad():
            ends = f(torch.stack([x[window], base]))
        gap = abs(float(mine.sum() - (ends[0] - ends[1])) / float(mine.abs().sum()))
        print(f"{name} {window} {baseline} {output} {after}: gap {gap:.2g} of the magnitudes")
        lines.append(f"{window} {baseline} {output} {after} {float(ends[0])!r} {float(ends[1])!r}")
        lines.append(generate.numbers(mine))
    with open(os.path.join(generate.FOLDER, f"{name}.attribution"), "w") as file:
        print(x.shape[2], x.shape[1], len(lines) // 2, file=file)
        print(*lines, sep="\n", file=file)


def main():
    torch.set_num_threads(1)
    for name in ("lstm", "gru", "tcn", "mixed", "plain"):
        write(name)


if __name__ == "__main__":
    main()
