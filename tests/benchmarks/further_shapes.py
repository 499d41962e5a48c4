"""Three further shapes of each family, as workloads for peers.py: what was tuned on one shape is seen on another.

python peers.py --extra chainrule_peer.py --extra further_shapes.py --peers torch,chainrule-numba --workloads V1,C1
"""

from __future__ import annotations

import dataclasses

from peers import BY_NAME, WORKLOADS, Workload


def mlp(*units):
    """Return affine layers with a ReLU between each two."""
    return tuple([spec for n in units for spec in (("relu",), ("affine", n))][1:])


def picture(*layers):
    """Return convolutions (filters, kernel) with a ReLU and max pooling behind each, and an affine layer of ten."""
    parts = [(("conv", filters, k, 1, k // 2), ("relu",), ("maxpool", 2)) for filters, k in layers]
    return tuple([spec for part in parts for spec in part] + [("affine", 10)])


FURTHER = [
    Workload("M1", "MLP 30-16-1, b512", "train", 512, (30,), mlp(16, 1), "logistic", 2),
    Workload("M2", "MLP 3072-256-100, b64", "train", 64, (3072,), mlp(256, 100), "softmax_ce", 100),
    Workload("M3", "MLP 200-400-400-400-5, b1024", "train", 1024, (200,), mlp(400, 400, 400, 5), "softmax_ce", 5),
    Workload(
        "V1", "convnet 16-32 3x3, 28x28x1, b128", "train", 128, (1, 28, 28), picture((16, 3), (32, 3)), "softmax_ce", 10
    ),
    Workload(
        "V2",
        "convnet 24-48-96 5x5, 32x32x3, b16",
        "train",
        16,
        (3, 32, 32),
        picture((24, 5), (48, 5), (96, 5)),
        "softmax_ce",
        10,
    ),
    Workload("V3", "convnet 8 7x7, 64x64x3, b8", "train", 8, (3, 64, 64), picture((8, 7)), "softmax_ce", 10),
    Workload("C1", "conv 7x7 s2 3->64 112x112 b8", "layer", 8, (3, 112, 112), (("conv", 64, 7, 2, 3),)),
    Workload("C2", "conv 5x5 24->40 28x28 b32", "layer", 32, (24, 28, 28), (("conv", 40, 5, 1, 2),)),
    Workload("C3", "conv 1x1 128->256 14x14 b32", "layer", 32, (128, 14, 14), (("conv", 256, 1, 1, 0),)),
    Workload("O1", "maxpool 3x3 16ch 48x48 b32", "layer", 32, (16, 48, 48), (("maxpool", 3),)),
    Workload("O2", "maxpool 2x2 128ch 8x8 b64", "layer", 64, (128, 8, 8), (("maxpool", 2),)),
    Workload("O3", "maxpool 2x2 8ch 64x64 b16", "layer", 16, (8, 64, 64), (("maxpool", 2),)),
    Workload("R1", "relu 32x256", "layer", 32, (256,), (("relu",),)),
    Workload("R2", "relu 1024x1024", "layer", 1024, (1024,), (("relu",),)),
    Workload("R3", "relu 64x16x16x32", "layer", 64, (32, 16, 16), (("relu",),)),
    Workload("E1", "softmax-ce 64x10", "layer", 64, (10,), (), "softmax_ce", 10),
    Workload("E2", "softmax-ce 1024x100", "layer", 1024, (100,), (), "softmax_ce", 100),
    Workload("E3", "softmax-ce 128x30000", "layer", 128, (30000,), (), "softmax_ce", 30000),
    Workload("A1", "affine 64->10 b32", "layer", 32, (64,), (("affine", 10),)),
    Workload("A2", "affine 4096->512 b32", "layer", 32, (4096,), (("affine", 512),)),
    Workload("A3", "affine 512->2048 b512", "layer", 512, (512,), (("affine", 2048),)),
    dataclasses.replace(BY_NAME["W3"], name="mnist-64", title="MNIST MLP, 64 samples", kind="predict", batch=64),
    dataclasses.replace(BY_NAME["W5"], name="lenet-16", title="LeNet, 16 pictures", kind="predict", batch=16),
    dataclasses.replace(BY_NAME["W6"], name="vgg-1", title="VGG block, one picture", kind="predict", batch=1),
]
for workload in FURTHER:
    if workload.name not in BY_NAME:
        WORKLOADS.append(workload)
        BY_NAME[workload.name] = workload
