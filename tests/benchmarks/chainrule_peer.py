"""chainrule as a system for peers.py: `python peers.py --extra chainrule_peer.py --peers torch,chainrule`."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from peers import LR, Peer, Unsupported


def channels_last(x):
    """Return (B, C, H, W) as (B, H, W, C); anything else as it is."""
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)) if x.ndim == 4 else x


class Chainrule(Peer):
    """The layers as a user writes them: a Network, its backprop and SGD."""

    name = "chainrule"

    def setup(self):
        import chainrule
        import chainrule_affine
        import chainrule_conv
        import chainrule_losses
        import chainrule_pooling
        from chainrule.learning.auto_shards import shards_that_pay
        from chainrule.learning.shards import split

        chainrule.keep_memory()
        self.core, self.affine, self.losses = chainrule, chainrule_affine, chainrule_losses
        self.conv, self.pooling = chainrule_conv, chainrule_pooling
        self.split, self.shards_that_pay, self.kept = split, shards_that_pay, []
        self.rewritings = []

    def version(self):
        return self.core.__version__

    def build(self, w):
        if w.kind == "probe":
            raise Unsupported
        x, targets = w.data()
        x = channels_last(x)
        if not w.layers:  # the loss alone
            loss, targets = self.losses.CrossEntropy(), targets.astype(np.int64)

            def step():
                loss.linearize(x, targets)
                return 0.0

            return step
        network = self.network(w)
        shards = self.shards(network, self.shards_that_pay(network, len(x), self.core.SGD(LR)))
        if w.kind == "layer":
            return self.layer_step(network.layers[0], network, shards, x, channels_last(w.dy()))
        loss = self.losses.Logistic() if w.loss == "logistic" else self.losses.CrossEntropy()
        if w.loss == "logistic":
            targets = targets[:, np.newaxis]
        sgd = self.core.SGD(LR)
        context = self.core.StepContext(0, network.slices, lambda vector: vector)

        def step():
            value = shards.backprop(x, targets, loss)
            sgd.step(network.theta, network.gradient, None, context)
            return value

        return step

    def shards(self, network, count):
        """Return so many shards, until the next are asked for: those of pictures keep BLAS to one thread."""
        while self.kept:
            self.kept.pop().__exit__(None, None, None)
        shards = self.core.Shards(network, count).__enter__()
        self.kept.append(shards)
        return shards

    def layer_step(self, layer, network, shards, x, delta):
        vectors = [network.gradient, np.empty_like(network.gradient)][: shards.count]
        parts = [{name.split(".")[1]: view for name, view in network.views(vector).items()} for vector in vectors]
        parameters = {name.split(".")[1]: view for name, view in network.parameters.items()}
        work = list(zip(self.split(len(x), shards.count), parts, strict=True))

        def half(part):
            rows, gradients = part
            _, jacobian = layer.linearize(x[rows], **parameters)
            jacobian.vjp(delta[rows], gradients)

        def step():
            shards.map(half, work)
            for vector in vectors[1:]:
                network.gradient += vector
            return 0.0

        return step

    def network(self, w):
        layers, values, specs = [], [], list(zip(w.trace(), w.params(), strict=True))
        picture = len(w.shape) == 3
        while specs:
            (spec, shape, _), own = specs.pop(0)
            if spec[0] == "affine":
                weights = own[0].T
                if picture and len(shape) == 3:  # the flattened picture's channels come last here
                    layers.append(self.affine.Flatten())
                    weights = channels_last(weights.reshape(-1, *shape)).reshape(len(weights), -1)
                fused = bool(specs) and specs[0][0][0][0] == "relu"
                if fused:
                    specs.pop(0)
                layers.append((self.affine.AffineReLU if fused else self.affine.Affine)(spec[1]))
                values += [weights, own[1]]
            elif spec[0] == "relu":
                layers.append(self.affine.ReLU())
            elif spec[0] == "conv":
                _, filters, kernel, stride, padding = spec
                layers.append(self.conv.Conv2d(filters, kernel, stride, padding))
                values += [own[0].transpose(2, 3, 1, 0), own[1]]
            else:
                layers.append(self.pooling.MaxPool2d(spec[1]))
        shape = (*w.shape[1:], w.shape[0]) if picture else w.shape
        network = self.core.Network(layers, shape, rewritings=self.rewritings)
        for view, value in zip(network.parameters.values(), values, strict=True):
            view[...] = value
        return network


class ChainruleNumba(Chainrule):
    """The same with the compiled layers, as `--prefer chainrule-numba` trains them."""

    name = "chainrule-numba"

    def setup(self):
        super().setup()
        import chainrule_numba
        from chainrule_numba.rewriting import conv_blocks

        def preferred(module):
            return SimpleNamespace(
                **{**vars(module), **{n: getattr(chainrule_numba, n) for n in chainrule_numba.__all__}}
            )

        self.affine, self.conv, self.losses, self.pooling = map(
            preferred, (self.affine, self.conv, self.losses, self.pooling)
        )
        self.rewritings = [conv_blocks]
