#!/usr/bin/env python3
"""Writes the nets of this folder with PyTorch, and what they answer.

    python -m venv venv && venv/bin/pip install torch==2.15.0 safetensors==0.8.0 numpy==2.4.6
    venv/bin/python tests/golden/torch/generate.py

<case>.safetensors is model.state_dict(), <case>.json the description (import/torch_network.h),
<case>.txt text: `windows steps features outputs`, then per window a line each with its values (step
after step), the answer in float and the answer of the same weights in double.
"""
import json
import os

import torch
from safetensors.torch import save_file

FOLDER = os.path.dirname(os.path.abspath(__file__))


class Block(torch.nn.Module):
    """The residual block of Bai, Kolter, Koltun, padded on the left."""

    def __init__(self, inputs, units, kernel, dilation):
        super().__init__()
        self.pad = (kernel - 1) * dilation
        self.conv1 = torch.nn.Conv1d(inputs, units, kernel, dilation=dilation)
        self.conv2 = torch.nn.Conv1d(units, units, kernel, dilation=dilation)
        self.downsample = torch.nn.Conv1d(inputs, units, 1) if inputs != units else None

    def forward(self, x):
        a = torch.relu(self.conv1(torch.nn.functional.pad(x, (self.pad, 0))))
        y = torch.relu(self.conv2(torch.nn.functional.pad(a, (self.pad, 0))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class Net(torch.nn.Module):
    def __init__(self, features, parts, outputs, what, bias=True):
        super().__init__()
        self.parts, self.what, self.order = torch.nn.ModuleDict(), what, []
        self.description = {"format": "almanac network", "version": 1, "layers": []}
        for kind, name, units, more in parts:
            entry = {"kind": kind, "name": f"parts.{name}"}
            if kind == "tcn":
                self.parts[name] = Block(features, units, *more)
                entry["dilation"] = more[1]
            else:
                module = torch.nn.LSTM if kind == "lstm" else torch.nn.GRU
                self.parts[name] = module(features, units, more, batch_first=True, bias=bias)
                entry["layers"] = more
            self.description["layers"].append(entry)
            self.order.append((kind, name))
            features = units
        self.head = torch.nn.Linear(features, outputs, bias=bias)
        self.description["head"] = {"name": "head", "outputs": what}

    def forward(self, x):
        for kind, name in self.order:
            if kind == "tcn":
                x = self.parts[name](x.transpose(1, 2)).transpose(1, 2)
            else:
                x = self.parts[name](x)[0]
        y = self.head(x[:, -1])
        if self.what == "quantiles":
            return y.sort(dim=1).values
        return torch.softmax(y, dim=1) if self.what == "classes" else y


CASES = {
    "lstm": (3, [("lstm", "a", 8, 2)], 1, "values"),
    "gru": (4, [("gru", "a", 6, 1)], 5, "quantiles"),
    "tcn": (4, [("tcn", "a", 6, (3, 1)), ("tcn", "b", 6, (3, 2)), ("tcn", "c", 5, (2, 4))], 3,
            "classes"),
    "mixed": (2, [("tcn", "a", 5, (2, 1)), ("lstm", "b", 7, 1), ("gru", "c", 4, 2)], 2, "values"),
    "plain": (3, [("lstm", "a", 5, 1)], 2, "values"),
    "half": (3, [("gru", "a", 5, 1)], 2, "values"),
    "brain": (3, [("lstm", "a", 5, 1)], 2, "values"),
    "double": (3, [("lstm", "a", 5, 1)], 2, "values"),
}
STORED = {"half": torch.float16, "brain": torch.bfloat16, "double": torch.float64}


def numbers(values):
    return " ".join(repr(float(v)) for v in values.flatten())


def write(name, case):
    torch.manual_seed(sum(name.encode()))
    net = Net(*case, bias=name != "plain")
    with torch.no_grad():
        for parameter in net.parameters():  # larger than at the start of training
            parameter.mul_(2)
            if name in STORED:
                parameter.copy_(parameter.to(STORED[name]).to(torch.float32))
    state = {k: v.to(STORED.get(name, v.dtype)).contiguous() for k, v in net.state_dict().items()}
    save_file(state, os.path.join(FOLDER, f"{name}.safetensors"))
    with open(os.path.join(FOLDER, f"{name}.json"), "w") as file:
        json.dump(net.description, file, indent=1)
        file.write("\n")
    x = torch.randn(12, 20, case[0])
    with torch.no_grad():
        single = net(x)
        double = net.double()(x.double())
    with open(os.path.join(FOLDER, f"{name}.txt"), "w") as file:
        print(*x.shape, case[2], file=file)
        for i in range(len(x)):
            print(numbers(x[i]), numbers(single[i]), numbers(double[i]), sep="\n", file=file)
    print(name, "PyTorch's own error", float((single.double() - double).abs().max()))


def main():
    torch.set_num_threads(1)
    for name, case in CASES.items():
        write(name, case)


if __name__ == "__main__":
    main()
