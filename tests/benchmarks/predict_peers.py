"""Prediction, as workloads and systems for peers.py: the scores of given samples; the README has the command.

Each system's scores are compared with those of the float64 reference before anything is timed.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from chainrule_peer import Chainrule, ChainruleNumba, channels_last
from peers import BY_NAME, WORKLOADS, Peer, Sklearn, Torch, TorchTuned, Unsupported

PREDICT = [
    dataclasses.replace(BY_NAME[like], name=name, title=f"{issue} {title}", kind="predict", batch=batch)
    for name, issue, title, like, batch in (
        ("digits-1", "P1", "digits MLP, one sample", "W2", 1),
        ("digits-10000", "P2", "digits MLP, 10,000 samples", "W2", 10_000),
        ("lenet-1", "P3", "LeNet, one picture", "W5", 1),
        ("lenet-2048", "P4", "LeNet, 2,048 pictures", "W5", 2_048),
        ("vgg-32", "P5", "VGG block, 32 pictures", "W6", 32),
    )
]
for workload in PREDICT:
    if workload.name not in BY_NAME:
        WORKLOADS.append(workload)
        BY_NAME[workload.name] = workload


class Predict(Peer):
    """A system that is asked for scores: `scorer(workload, x)` returns what computes those of x, pictures as NCHW."""

    def build(self, w):
        if w.kind != "predict":
            raise Unsupported
        x = w.data()[0]
        score = self.scorer(w, x)
        few = slice(-8, None)
        expected = reference(w, x[few])
        found = np.asarray(score())[few]
        error = np.abs(found - expected).max() / np.abs(expected).max()
        if found.shape != expected.shape or error > 1e-4:
            raise AssertionError(f"{self.name}: scores of {w.name} differ from the reference by {error:.1e}")

        def step():
            score()
            return 0.0

        return step


def reference(w, x):
    """Return the scores in float64, by a loop over the taps."""
    for (spec, _, after), own in zip(w.trace(), w.params(), strict=True):
        weights, bias = (None, None) if own is None else [part.astype(np.float64) for part in own]
        if spec[0] == "affine":
            x = x.reshape(len(x), -1) @ weights + bias
        elif spec[0] == "conv":
            _, _, k, stride, padding = spec
            x, (_, high, wide) = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)]), after
            taps = [(i, j) for i in range(k) for j in range(k)]
            seen = [x[:, :, i : i + stride * high : stride, j : j + stride * wide : stride] for i, j in taps]
            parts = zip(taps, seen, strict=True)
            x = sum(np.einsum("bchw,oc->bohw", part, weights[:, :, i, j]) for (i, j), part in parts)
            x = x + bias[:, np.newaxis, np.newaxis]
        elif spec[0] == "relu":
            x = np.maximum(x, 0)
        else:
            k, (channels, high, wide) = spec[1], after
            x = x.reshape(len(x), channels, high, k, wide, k).max((3, 5))
    return x


class TorchPredict(Predict, Torch):
    """Eager, without gradients."""

    name = "torch-predict"

    def scorer(self, w, x):
        net, given = self.modules(w).eval(), self.tensor(x)

        def score():
            with self.t.no_grad():
                return net(given)

        return score


class TorchTunedPredict(TorchPredict, TorchTuned):
    """The same with channels last and in inference mode."""

    name = "torch-tuned-predict"

    def scorer(self, w, x):
        net, given = self.modules(w).eval(), self.tensor(x)

        def score():
            with self.t.inference_mode():
                return net(given)

        return score


class OnnxRuntime(Predict):
    """A session as its documentation opens it, of a graph written node by node."""

    name = "onnxruntime"

    def setup(self):
        import onnxruntime

        self.runtime = onnxruntime

    def version(self):
        return self.runtime.__version__

    def scorer(self, w, x):
        session = self.runtime.InferenceSession(onnx_graph(w), providers=["CPUExecutionProvider"])
        return lambda: session.run(None, {"x": x})[0]


def onnx_graph(w):
    """Return the network as the bytes of an ONNX model."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, held, came, flat = [], [], "x", len(w.shape) == 1
    for i, ((spec, *_), own) in enumerate(zip(w.trace(), w.params(), strict=True)):
        taken, came = came, f"y{i}"
        names = [] if own is None else [f"W{i}", f"b{i}"]
        held += [numpy_helper.from_array(value, name) for value, name in zip(own or (), names, strict=True)]
        if spec[0] == "affine":
            if not flat:
                nodes.append(helper.make_node("Flatten", [taken], ["flat"]))
                taken, flat = "flat", True
            nodes.append(helper.make_node("Gemm", [taken, *names], [came]))
        elif spec[0] == "conv":
            _, _, k, stride, padding = spec
            settings = {"kernel_shape": [k, k], "strides": [stride, stride], "pads": [padding] * 4}
            nodes.append(helper.make_node("Conv", [taken, *names], [came], **settings))
        elif spec[0] == "relu":
            nodes.append(helper.make_node("Relu", [taken], [came]))
        else:
            k = spec[1]
            nodes.append(helper.make_node("MaxPool", [taken], [came], kernel_shape=[k, k], strides=[k, k]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", *shape])
        for name, shape in (("x", w.shape), (came, w.trace()[-1][2]))
    ]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


class SklearnPredict(Predict, Sklearn):
    """MLPRegressor, whose predictions are the scores themselves."""

    name = "sklearn-predict"

    def scorer(self, w, x):
        if any(spec[0] in ("conv", "maxpool") for spec in w.layers):
            raise Unsupported
        hidden = tuple(spec[1] for spec in w.layers if spec[0] == "affine")[:-1]
        model = self.nn.MLPRegressor(hidden_layer_sizes=hidden, solver="sgd")
        model.partial_fit(x[:1].repeat(2, axis=0), np.zeros((2, math.prod(w.trace()[-1][2])), np.float32))
        for i, own in enumerate(own for own in w.params() if own is not None):
            model.coefs_[i], model.intercepts_[i] = own
        return lambda: model.predict(x)


class ChainrulePredict(Predict, Chainrule):
    """`Network.predict` of the layers as a user writes them."""

    name = "chainrule-predict"

    def scorer(self, w, x):
        network, x = self.network(w), channels_last(x)
        return lambda: network.predict(x)


class ChainruleNumbaPredict(ChainrulePredict, ChainruleNumba):
    """The same with the compiled layers."""

    name = "chainrule-numba-predict"
