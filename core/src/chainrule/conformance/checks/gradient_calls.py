"""The calls of a Jacobian agree with each other, and write gradients where the driver reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays import Array
from ...functions.layers import Layer
from ..blame import blame
from ..compare import agree, relative, same_names
from ..layer_probes import LayerProbe
from ..maps import Maps, empty_out
from ..outcomes import Failure, NotApplicable
from ..rules import A_LAYER, PARAMETERS, REAL_INPUT, SAMPLES_APART, rule


@rule("gradient.out", A_LAYER, PARAMETERS, needs=["gradient.runs"])
def out_overwritten(probe: LayerProbe) -> None:
    """vjp and vjp_params overwrite every entry of every `out` array in place, whatever is in it, and nothing else.

    The arrays are views of one flat gradient. An entry left out keeps the last step's gradient; one that is added to
    grows from step to step; an array that is put into the dictionary instead never reaches the optimizer.
    """
    point = probe.point()
    _, maps = probe.linearize(point.x, point.params)
    clean: dict[str, dict[str, Array]] = {}
    calls: dict[str, Callable[[Array, dict[str, Array]], Any]] = {"vjp": maps.vjp, "vjp_params": maps.vjp_params}
    for fill in (np.nan, 7.0, 0.0):
        for name, call in calls.items():
            if name == "vjp" and not maps.has_input:
                continue
            out = empty_out(point.params, fill)
            given = dict(out)
            call(point.delta, out)
            same_names(list(out), list(given), got_is=f"out after {name}", expected_is="out before")
            for key, array in given.items():
                if out[key] is not array:
                    raise Failure(f"{name} puts another array at out[{key!r}]: write into it, out[{key!r}][...] = …")
                if np.isnan(fill) and np.isnan(array).any():
                    index = tuple(int(i) for i in np.argwhere(np.isnan(array))[0])
                    raise Failure(
                        f"{name} leaves out[{key!r}]{list(index)} as it was: {int(np.isnan(array).sum())} of "
                        f"{array.size} entries are not written; or it adds to what is there"
                    )
                before = clean.setdefault(name, {}).setdefault(key, array.copy())
                agree(
                    array,
                    before,
                    relative(before, 1e-11),
                    label=f"out[{key!r}]",
                    got_is=f"{name} into an array full of {fill:g} gives",
                    expected_is="into an array full of NaN",
                    hint="it adds to what is there; overwrite: out[…][...] = …",
                )


@rule("gradient.without_out", A_LAYER, REAL_INPUT, needs=["gradient.runs"])
def without_out(probe: LayerProbe) -> None:
    """vjp returns the same δ·J_X with `out` and without.

    Whoever asks for the input's gradient alone must get the same one.
    """
    point = probe.point()
    _, maps = probe.linearize(point.x, point.params)
    alone = np.array(maps.vjp(point.delta))
    together = maps.vjp(point.delta, empty_out(point.params))
    agree(
        together, alone, relative(alone, 1e-11), label="δ·J_X", got_is="with out", expected_is="without", B=len(point.x)
    )


@rule("gradient.vjp_params", A_LAYER, PARAMETERS, REAL_INPUT, needs=["gradient.runs", "gradient.out"])
def vjp_params(probe: LayerProbe) -> None:
    """vjp_params writes what vjp writes.

    The driver calls it for the first layer alone: where it differs, a layer learns rightly anywhere but in front.
    """
    for B in (3, 1):
        point = probe.point(B)
        _, maps = probe.linearize(point.x, point.params)
        full, part = empty_out(point.params), empty_out(point.params)
        maps.vjp(point.delta, full)
        maps.vjp_params(point.delta, part)
        for name, array in full.items():
            agree(
                part[name],
                array,
                relative(array, 1e-11),
                label=f"the gradient of {name}, entry ",
                got_is="vjp_params'",
                expected_is="vjp's",
                B=B,
            )


@rule("gradient.per_sample", A_LAYER, PARAMETERS, SAMPLES_APART, needs=["gradient.runs", "gradient.out"])
def per_sample(probe: LayerProbe) -> None:
    """per_sample gives each sample's own gradient, shape (B, *param), and they sum to what vjp_params writes.

    Private training and influence functions ask for them.
    """
    point = probe.point()
    B = len(point.x)
    _, maps = probe.linearize(point.x, point.params)
    parts = maps.per_sample(point.delta)
    if parts is None:
        raise NotApplicable("a layer that offers per-sample gradients")
    same_names(list(parts), list(point.params), got_is="per_sample", expected_is="parameter_shapes")
    for j in range(B):
        delta = np.zeros_like(point.delta)
        delta[j] = point.delta[j]
        out = empty_out(point.params)
        maps.vjp_params(delta, out)
        for name, array in out.items():
            if np.shape(parts[name]) != (B, *array.shape):
                raise Failure(f"per_sample's {name} has shape {np.shape(parts[name])}, expected {(B, *array.shape)}")
            agree(
                parts[name][j],
                array,
                relative(array, 1e-10),
                label=f"the gradient of {name} by sample {j}, entry ",
                got_is="per_sample's",
                expected_is="vjp_params' with that sample's δ alone",
                B=B,
            )


@rule("gradient.jacobian", A_LAYER, needs=["gradient.runs"])
def jacobian(probe: LayerProbe) -> None:
    """jacobian(x, y) is the derivative that linearize returns.

    Each may be asked for; an author who writes both writes the formula twice.
    """
    if type(probe.layer).jacobian is Layer.jacobian:
        raise NotApplicable("a layer that defines jacobian")
    point = probe.point()
    y = probe.forward(point.x, point.params)
    with blame("jacobian(x, y)"):
        own = Maps(probe.layer.jacobian(point.x, y, **point.params), probe.layer)
    _, maps = probe.linearize(point.x, point.params)
    expected = probe.derivatives(maps, point)
    for name, array in probe.derivatives(own, point).items():
        agree(
            array,
            expected.get(name, array),
            relative(array, 1e-10),
            label=f"{name}, entry ",
            got_is="jacobian's",
            expected_is="linearize's",
        )
