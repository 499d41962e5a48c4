"""The layers of today's networks, as workloads and systems for peers.py; the README has the command."""

from __future__ import annotations

import numpy as np
from chainrule_peer import Chainrule
from peers import BY_NAME, WORKLOADS, Torch, Unsupported, Workload

HEADS, WIDTH, LENGTH, BATCH, BLOCKS, SYMBOLS = 4, 128, 64, 32, 4, 80
TODAY = [
    Workload("N1", "layer norm 64x128x256", "layer", 64, (128, 256), (("layer_norm",),)),
    Workload("N2", "gru 32x64x128", "layer", 32, (64, 128), (("gru", 128),)),
    Workload("N3", "self-attention, 8 heads, 16x128x256", "layer", 16, (128, 256), (("self_attention", 8),)),
    Workload("N4", "transformer, 4 blocks, width 128, 64 symbols, b32, Adam", "layer", BATCH, (LENGTH,)),
    Workload("N5", "batch norm 32x32x32x64", "layer", 32, (32, 32, 64), (("batch_norm",),)),
    Workload("N6", "lstm 32x64x128", "layer", 32, (64, 128), (("lstm", 128),)),
    Workload("N7", "rms norm 64x128x256", "layer", 64, (128, 256), (("rms_norm",),)),
    Workload("N8", "gelu 32x64x512", "layer", 32, (64, 512), (("gelu",),)),
    Workload(
        "N9", "causal self-attention, 8 heads, 16x128x256", "layer", 16, (128, 256), (("self_attention", 8, True),)
    ),
    Workload("N10", "layer norm 8x64x128", "layer", 8, (64, 128), (("layer_norm",),)),
    Workload("N11", "gru 16x20x32", "layer", 16, (20, 32), (("gru", 32),)),
    Workload("N12", "batch norm 64x256", "layer", 64, (256,), (("batch_norm",),)),
]
for workload in TODAY:
    if workload.name not in BY_NAME:
        WORKLOADS.append(workload)
        BY_NAME[workload.name] = workload


def numbers(w):
    """Return x and δ, for a layer."""
    rng = np.random.default_rng(w.seed + 1)
    x, delta = rng.standard_normal((2, w.batch, *w.shape)).astype(np.float32)
    return x, delta


def symbols():
    """Return windows of symbols, and the symbol that follows each."""
    return np.random.default_rng(1).integers(0, SYMBOLS, (2, BATCH, LENGTH))


class TorchToday(Torch):
    """Eager, in two threads, as its documentation writes it; pictures are channels last, as ours are."""

    name = "torch-eager"

    def build(self, w):
        if w.name == "N4":
            return self.transformer()
        if w not in TODAY:
            raise Unsupported
        t, nn = self.t, self.t.nn
        (kind, *settings), n = w.layers[0], w.shape[-1]
        x, delta = map(t.from_numpy, numbers(w))
        if kind == "batch_norm" and x.ndim == 4:
            x, delta = x.permute(0, 3, 1, 2), delta.permute(0, 3, 1, 2)
        x.requires_grad_()
        made = {
            "layer_norm": lambda: nn.LayerNorm(n),
            "rms_norm": lambda: nn.RMSNorm(n, eps=1e-5),
            "batch_norm": lambda: (nn.BatchNorm2d if x.ndim == 4 else nn.BatchNorm1d)(n),
            "gelu": nn.GELU,
            "gru": lambda: nn.GRU(n, n, batch_first=True),
            "lstm": lambda: nn.LSTM(n, n, batch_first=True),
            "self_attention": lambda: Heads(t, n, *settings),
        }
        net = made[kind]()
        parameters = list(net.parameters())

        def step():
            x.grad = None
            for p in parameters:
                p.grad = None
            y = net(x)
            (y[0] if isinstance(y, tuple) else y).backward(delta)
            return 0.0

        return step

    def transformer(self):
        t, nn, F = self.t, self.t.nn, self.t.nn.functional

        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.n1, self.n2, self.attend = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH), Heads(t, WIDTH, HEADS, True)
                self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

            def forward(self, x):
                x = x + self.attend(self.n1(x))
                return x + self.down(F.gelu(self.up(self.n2(x))))

        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.embedding = nn.Embedding(SYMBOLS, WIDTH)
                self.places = nn.Parameter(0.02 * t.randn(LENGTH, WIDTH))
                self.blocks = nn.Sequential(*[Block() for _ in range(BLOCKS)])
                self.norm, self.scores = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, SYMBOLS)

            def forward(self, x):
                return self.scores(self.norm(self.blocks(self.embedding(x) + self.places)))

        model = Model()
        x, targets = map(t.from_numpy, symbols())
        rule = t.optim.Adam(model.parameters(), 1e-3)

        def step():
            rule.zero_grad()
            loss = F.cross_entropy(model(x).flatten(0, 1), targets.flatten())
            loss.backward()
            rule.step()
            return loss.item()

        return step


def Heads(t, n, heads, causal=False):
    """Return self-attention by scaled_dot_product_attention, the fastest that PyTorch has on a CPU."""

    class SelfAttention(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.outer = t.nn.Linear(n, 3 * n), t.nn.Linear(n, n)

        def forward(self, x):
            B, T, _ = x.shape
            q, k, v = self.inner(x).view(B, T, 3, heads, n // heads).permute(2, 0, 3, 1, 4)
            y = t.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
            return self.outer(y.transpose(1, 2).reshape(B, T, n))

    return SelfAttention()


class Today(Chainrule):
    """The layers as a user writes them, in two shards where the layer allows it."""

    name = "chainrule-numpy"
    prefer = ()

    def layer(self, name, **settings):
        return self.core.layer(name, prefer=self.prefer, **settings)

    def build(self, w):
        if w.name == "N4":
            return self.transformer()
        if w not in TODAY:
            raise Unsupported
        kind, *given = w.layers[0]
        names = {"self_attention": ("heads", "causal")}.get(kind, ("units",))
        layer = self.layer(kind, **dict(zip(names, given, strict=False)))
        network = self.core.Network([layer], w.shape)
        x, delta = numbers(w)
        realized = layer.realize(np.random.default_rng(0))
        count = 1 if realized.mixes_samples or w.batch * np.prod(w.shape) < 1 << 17 else 2
        return self.layer_step(realized, network, self.shards(network, count), x, delta)

    def transformer(self):
        from chainrule.assembly.recipe_tables import build_layer

        block = {"use": "transformer_block", "units": WIDTH, "heads": HEADS, "causal": True}
        each = {"use": "chainrule:EachPosition", "inner": {"use": "affine", "units": SYMBOLS}}
        embedding = {"use": "embedding", "count": SYMBOLS, "units": WIDTH}
        tables = [embedding, {"use": "positions"}, *[block] * BLOCKS, {"use": "layer_norm"}, each]
        network = self.core.Network([build_layer(table, self.prefer) for table in tables], (LENGTH,))
        loss = self.core.loss("sequence_cross_entropy", prefer=self.prefer)
        rule = self.core.optimizer("adam", learning_rate=1e-3)
        state = rule.init(network.theta)
        shards = self.shards(network, 2)
        x, targets = symbols()
        steps = iter(range(1 << 30))

        def step():
            value = shards.backprop(x, targets, loss)
            rule.step(network.theta, network.gradient, state, self.core.StepContext(next(steps), network.slices))
            return value

        return step


class TodayCompiled(Today):
    """The same with the compiled layers, as `--prefer chainrule-numba` trains them."""

    name = "chainrule-compiled"
    prefer = ("chainrule-numba",)
