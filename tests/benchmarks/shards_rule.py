"""Where does splitting a batch pay? The networks that the rule of `shards = "auto"` was fitted to, with one and two.

    python shards_rule.py                    # all; or by name: python shards_rule.py lenet gru
    python shards_rule.py --prefer numba     # with the compiled layers

A line for each: the numbers of the arrays between layers of a batch, on average, those of a sample to each parameter,
milliseconds of a training step (gradient and SGD) of one and of two shards, what two gain, and what the rule says.
Rounds of both take turns, and medians are shown.
"""

from __future__ import annotations

import argparse
from statistics import median
from time import perf_counter

import numpy as np

import chainrule
from chainrule import SGD, EachPosition, Network, Shards, StepContext
from chainrule.functions.compose import sizes
from chainrule.learning.auto_shards import shards_that_pay
from chainrule_losses import CrossEntropy, SequenceCrossEntropy


def layers(prefer):
    """Return the layers' classes by name."""

    def made(name, **settings):
        return chainrule.layer(name, prefer=prefer, **settings)

    return made


def mlp(made, *units):
    *hidden, last = units
    return [*(made("affine_relu", units=n) for n in hidden), made("affine", units=last)]


def conv(made, filters, kernel, pool=True):
    block = [made("conv2d", filters=filters, kernel=kernel, padding="same"), made("relu")]
    return [*block, made("max_pool2d", size=2)] if pool else block


def networks(made):
    """Return by name: layers, shape of a sample, batch, classes; a negative number of classes is one each position."""

    def pictures(*blocks, dense):
        return [*(layer for block in blocks for layer in block), made("flatten"), *mlp(made, *dense)]

    chars = [made("embedding", count=72, units=96, deviation=0.1), made("positions")]
    block = made("transformer_block", units=96, heads=4, causal=True)
    small = pictures(conv(made, 16, 3), conv(made, 32, 3), dense=[10])
    lenet = pictures(conv(made, 16, 5), conv(made, 32, 5), dense=[128, 10])
    vgg = pictures(
        conv(made, 64, 3, False), conv(made, 64, 3), conv(made, 128, 3, False), conv(made, 128, 3), dense=[256, 10]
    )
    gru = [made("embedding", count=72, units=32), made("gru", units=128), EachPosition(made("affine", units=72))]
    transformer = [*chars, block, block, made("layer_norm"), EachPosition(made("affine", units=72))]
    return {
        "W1": (mlp(made, 8, 2), (2,), 4, 2),
        "W2": (mlp(made, 128, 64, 10), (64,), 32, 10),
        "digits": (mlp(made, 64, 10), (64,), 32, 10),
        "deep narrow": (mlp(made, *[128] * 8, 10), (128,), 16, 10),
        "W3": (mlp(made, 512, 256, 10), (784,), 128, 10),
        "W4": (mlp(made, 2048, 2048, 1000), (1024,), 256, 1000),
        "MLP 300": (mlp(made, 1000, 500, 37), (300,), 96, 37),
        "W2, batch 512": (mlp(made, 128, 64, 10), (64,), 512, 10),
        "W2, batch 4096": (mlp(made, 128, 64, 10), (64,), 4096, 10),
        "W3, batch 1024": (mlp(made, 512, 256, 10), (784,), 1024, 10),
        "W3, batch 4096": (mlp(made, 512, 256, 10), (784,), 4096, 10),
        "deep narrow, batch 256": (mlp(made, *[128] * 8, 10), (128,), 256, 10),
        "deep narrow, batch 2048": (mlp(made, *[128] * 8, 10), (128,), 2048, 10),
        **{f"digits-cnn, batch {n}": (small, (8, 8, 1), n, 10) for n in (32, 128, 512, 2048)},
        "conv 4, batch 512": (pictures(conv(made, 4, 3), dense=[10]), (8, 8, 1), 512, 10),
        **{f"lenet, batch {n}": (lenet, (28, 28, 1), n, 10) for n in (8, 16, 32, 64, 256)},
        "lenet, dense 2048": (
            pictures(conv(made, 16, 5), conv(made, 32, 5), dense=[2048, 2048, 10]),
            (28, 28, 1),
            64,
            10,
        ),
        **{f"vgg, batch {n}": (vgg, (32, 32, 3), n, 10) for n in (2, 4, 8, 32)},
        **{f"gru, batch {n}": (gru, (64,), n, -72) for n in (32, 256)},
        "gru 512": (
            [made("embedding", count=72, units=64), made("gru", units=512), EachPosition(made("affine", units=72))],
            (64,),
            32,
            -72,
        ),
        "lstm": (
            [made("embedding", count=72, units=32), made("lstm", units=64), made("last"), made("affine", units=10)],
            (32,),
            64,
            10,
        ),
        **{f"transformer, batch {n}": (transformer, (64,), n, -72) for n in (4, 8, 16, 32)},
    }


def measure(network, batch, classes, rounds, seconds):
    rng = np.random.default_rng(0)
    shape = network.input_shape
    x = (
        rng.integers(0, 72, (batch, *shape))
        if network.chain.wiring.integers[0]
        else rng.standard_normal((batch, *shape)).astype(np.float32)
    )
    loss = SequenceCrossEntropy() if classes < 0 else CrossEntropy()
    y = rng.integers(0, abs(classes), (batch, *shape) if classes < 0 else batch)
    sgd, context, found = SGD(1e-4), StepContext(0, network.slices), {1: [], 2: []}
    for turn in range(rounds + 1):
        for count, times in found.items():
            with Shards(network, count) as shards:

                def step():
                    shards.backprop(x, y, loss)
                    sgd.step(network.theta, network.gradient, None, context)

                step()
                began, steps = perf_counter(), 0
                while steps < 2 or perf_counter() - began < seconds:
                    step()
                    steps += 1
                if turn:
                    times.append((perf_counter() - began) / steps * 1e3)
    return [median(times) for times in found.values()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--prefer", default="")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3)
    options = parser.parse_args()
    chainrule.keep_memory()
    made = layers([f"chainrule-{options.prefer}"] if options.prefer else [])
    print(f"{'network':24} {'numbers':>10} {'to each':>8} {'one':>8} {'two':>8}  two gain  auto")
    for name, (own, shape, batch, classes) in networks(made).items():
        if options.names and not any(n in name for n in options.names):
            continue
        network = Network(own, shape)
        numbers = sizes(network.chain, *network.ends.shapes)
        one, two = measure(network, batch, classes, options.rounds, options.seconds)
        each, to_each = batch * sum(numbers) / len(numbers), sum(numbers) / network.theta.size
        auto = shards_that_pay(network, batch, SGD(1e-4))
        print(f"{name:24} {each:10,.0f} {to_each:8.3f} {one:8.2f} {two:8.2f} {one / two:9.2f} {auto:5}", flush=True)


if __name__ == "__main__":
    main()
