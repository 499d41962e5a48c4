"""chainrule as a system for peers.py: `python peers.py --extra chainrule_peer.py --peers torch,chainrule`."""

from __future__ import annotations

import math

import numpy as np
from peers import LR, Peer, Unsupported


class Chainrule(Peer):
    """The layers as a user writes them: a Network, its backprop and SGD."""

    name = "chainrule"

    def setup(self):
        import chainrule
        import chainrule_affine
        import chainrule_losses

        chainrule.keep_memory()
        self.core, self.affine, self.losses = chainrule, chainrule_affine, chainrule_losses

    def version(self):
        return self.core.__version__

    def build(self, w):
        if w.kind == "probe":
            raise Unsupported
        x, targets = w.data()
        if w.name == "L6":
            loss, targets = self.losses.CrossEntropy(), targets.astype(np.int64)

            def step():
                loss.linearize(x, targets)
                return 0.0

            return step
        network = self.network(w)
        if w.kind == "layer":
            return self.layer_step(network, x, w.dy())
        loss = self.losses.Logistic() if w.loss == "logistic" else self.losses.CrossEntropy()
        if w.loss == "logistic":
            targets = targets[:, np.newaxis]
        sgd = self.core.SGD(LR)
        context = self.core.StepContext(0, network.slices, lambda vector: vector)

        def step():
            value = network.backprop(x, targets, loss)
            sgd.step(network.theta, network.gradient, None, context)
            return value

        return step

    def layer_step(self, network, x, delta):
        (layer,) = network.layers
        gradients = {name.split(".")[1]: view for name, view in network.views(network.gradient).items()}
        parameters = {name.split(".")[1]: view for name, view in network.parameters.items()}

        def step():
            _, jacobian = layer.linearize(x, **parameters)
            jacobian.vjp(delta, gradients)
            return 0.0

        return step

    def network(self, w):
        layers, values, specs = [], [], list(zip(w.trace(), w.params(), strict=True))
        while specs:
            (spec, _, _), own = specs.pop(0)
            if spec[0] == "affine":
                fused = bool(specs) and specs[0][0][0][0] == "relu"
                if fused:
                    specs.pop(0)
                layers.append((self.affine.AffineReLU if fused else self.affine.Affine)(spec[1]))
                values += [own[0].T, own[1]]
            elif spec[0] == "relu":
                layers.append(self.affine.ReLU())
            else:
                raise Unsupported
        network = self.core.Network(layers, w.shape if len(w.shape) == 1 else math.prod(w.shape))
        for view, value in zip(network.parameters.values(), values, strict=True):
            view[...] = value
        return network
