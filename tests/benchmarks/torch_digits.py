"""`chainrule train digits` as a script of PyTorch: the same data, network, rule, batches and lines."""

import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

FILE = Path(__file__).parents[2] / "plugins/data/src/chainrule_data/digits.npz"
EPOCHS, BATCH = 30, 32


def evaluate(network, x, t):
    """Return the mean loss and the share of errors."""
    with torch.no_grad():
        scores = network(x)
        return cross_entropy(scores, t).item(), (scores.argmax(1) != t).float().mean().item()


def main():
    """Train, and print what the command prints."""
    torch.manual_seed(0)
    with np.load(FILE) as arrays:
        x, t = torch.from_numpy(arrays["x"]).float().flatten(1) / 16, torch.from_numpy(arrays["y"]).long()
    order = torch.randperm(len(x))
    test, training = order[:359], order[359:]
    x_test, t_test, x, t = x[test], t[test], x[training], t[training]
    network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    rule = torch.optim.SGD(network.parameters(), 0.1)
    print(f"digits: {len(x):,} training and {len(x_test):,} test samples\n{network}\n")
    started = time.perf_counter()
    for epoch in range(1, EPOCHS + 1):
        for rows in torch.randperm(len(x)).split(BATCH):
            rule.zero_grad()
            cross_entropy(network(x[rows]), t[rows]).backward()
            rule.step()
        (e_in, wrong_in), (e_out, wrong_out) = evaluate(network, x, t), evaluate(network, x_test, t_test)
        line = f"E_in {e_in:.5f} {wrong_in:6.2%}  E_out {e_out:.5f} {wrong_out:6.2%}"
        print(f"epoch {epoch:>2}/{EPOCHS}  {line}", flush=True)
    print(f"\n{EPOCHS} epochs in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
