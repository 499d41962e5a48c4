"""Cases: what is to be proved, as data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import Array, Shape
from ..errors import SettingError
from ..functions.layers import Layer, integers_of
from ..functions.losses import Loss
from ..learning.optimizers import Optimizer
from ..learning.preparation import Preparation
from ..rows import Column
from ..settings import boolean, real, sample_shape
from .packed import is_several

TARGETS = ("real", "binary", "sign", "class", "distribution")
TIES = ("first", "split")

Reference = Callable[..., Any]
Law = Callable[[Callable[[Any], Array], Array], tuple[Any, Any]]


def _check_common(case: Any) -> None:
    """Refuse what all kinds of cases have, where it is no data that the engine can use. Raises:   SettingError."""
    if not isinstance(case.id, str) or not case.id.strip():
        raise SettingError("id", expected="a name, such as 'affine/wide'", got=case.id)
    where = f"case {case.id}"
    if case.reference is not None and not callable(case.reference):
        raise SettingError(f"{where}: reference", expected="a function", got=case.reference)
    if isinstance(case.invalid, Mapping) or not all(isinstance(entry, Mapping) and entry for entry in case.invalid):
        raise SettingError(f"{where}: invalid", expected='a list such as [{"units": 0}]', got=case.invalid)
    if not isinstance(case.expected_failures, Mapping):
        raise SettingError(f"{where}: expected_failures", expected="{check id: reason}", got=case.expected_failures)
    for check_id, reason in case.expected_failures.items():
        if not isinstance(reason, str) or not reason.strip():
            place = f"{where}: expected_failures[{check_id!r}]"
            raise SettingError(place, expected="the reason in words", got=reason)


@dataclass(frozen=True)
class LayerCase:
    """A configured layer on an input shape, and what it declares of itself. The defaults suit a plain layer.

    `reference(x, **params)` is a slow forward that shares no code with the layer, on a batch like `forward` (one that
    takes a single sample will do). `kinks` maps where an elementwise derivative jumps to the value declared there;
    `kink_points` are (x, J) for others, x one sample and J (*out, *in), or (x, J, params) where parameters matter.
    `ties` says who takes the gradient where several inputs are largest: the "first" in row-major order, or "split".
    `domain` is (low, high), high excluded: what the input may be, indices for a layer with integer input. `laws` maps
    a sentence to `law(f, x)`, which returns two things that should be equal, f being the forward. `invalid` lists
    settings that must be refused, `expected_failures` maps ids of checks to the reason why they fail.

    A layer of several inputs has a list of shapes, and a list of domains, None where any number will do; `reference`
    and a law's f take the inputs in turn, the law a tuple of them. `causal` declares that an output depends on nothing
    at later positions, along the first axis of a sample; `masks` are {input: (of these inputs)}: where the one is 0,
    the positions of the others do not count. `trained(x, **params)` is a slow forward of a training step, and
    `remembered(old, x, **params)` the statistics after it, made of the old ones and of the batch. `float32_error` is
    how far any result in float32 may be from that in float64, in proportion to its largest entry: for a layer that
    computes otherwise there. `chain` are the layers that this one is computed in place of, by a rewriting: all that it
    computes has their bits.

    Whether a layer is stochastic, mixes samples, takes integers or has statistics is read from the layer itself.

    Raises:   SettingError.
    """

    id: str
    layer: Layer
    input_shape: Any
    reference: Reference | None = None
    kinks: Mapping[float, float] = field(default_factory=dict)
    kink_points: Sequence[tuple[Any, ...]] = ()
    ties: str | None = None
    domain: Any = None
    laws: Mapping[str, Law] = field(default_factory=dict)
    invalid: Sequence[Mapping[str, Any]] = ()
    expected_failures: Mapping[str, str] = field(default_factory=dict)
    causal: bool = False
    masks: Mapping[int, Sequence[int]] = field(default_factory=dict)
    remembered: Reference | None = None
    trained: Reference | None = None
    float32_error: float | None = None
    chain: Sequence[Layer] = ()

    def __post_init__(self) -> None:
        _check_common(self)
        where = f"case {self.id}"
        if not isinstance(self.layer, Layer):
            raise SettingError(f"{where}: layer", expected="a Layer", got=self.layer)
        if self.several:
            shapes = [sample_shape(f"{where}: input_shape[{i}]", shape) for i, shape in enumerate(self.input_shape)]
            object.__setattr__(self, "input_shape", shapes)
            if self.kinks or self.kink_points:
                raise SettingError(f"{where}: kinks", expected="a layer of one input", got=f"{len(shapes)} inputs")
        else:
            object.__setattr__(self, "input_shape", sample_shape(f"{where}: input_shape", self.input_shape))
        if not isinstance(self.kinks, Mapping):
            raise SettingError(f"{where}: kinks", expected="{where: derivative}, such as {0.0: 0.5}", got=self.kinks)
        for place, value in self.kinks.items():
            real(f"{where}: kinks", place)
            real(f"{where}: kinks[{place}]", value)
        for point in self.kink_points:
            if not isinstance(point, tuple | list) or len(point) not in (2, 3):
                raise SettingError(f"{where}: kink_points", expected="(x, J) or (x, J, parameters)", got=point)
        if self.ties is not None and self.ties not in TIES:
            raise SettingError(f"{where}: ties", expected="None, 'first' or 'split'", got=self.ties)
        self._check_domains(where)
        boolean(f"{where}: causal", self.causal)
        self._check_masks(where)
        for name in ("remembered", "trained"):
            if getattr(self, name) is not None and not callable(getattr(self, name)):
                raise SettingError(f"{where}: {name}", expected="a function", got=getattr(self, name))
        if self.float32_error is not None:
            real(f"{where}: float32_error", self.float32_error, above=0)
        if not isinstance(self.chain, list | tuple) or not all(isinstance(layer, Layer) for layer in self.chain):
            raise SettingError(f"{where}: chain", expected="a list of layers", got=self.chain)
        if not isinstance(self.laws, Mapping) or not all(map(callable, self.laws.values())):
            raise SettingError(f"{where}: laws", expected="{sentence: law(f, x)}", got=self.laws)

    def _check_domains(self, where: str) -> None:
        if self.domain is None:
            return
        listed = isinstance(self.domain, tuple | list) and all(
            d is None or isinstance(d, tuple | list) for d in self.domain
        )
        if self.several and not (listed and len(self.domain) == len(self.input_shape)):
            expected = "a list of domains, None or (low, high) for each input"
            raise SettingError(f"{where}: domain", expected=expected, got=self.domain)
        for domain in self.domains:
            pair = isinstance(domain, tuple | list) and len(domain) == 2
            if domain is not None and not (pair and domain[0] < domain[1]):
                raise SettingError(f"{where}: domain", expected="(low, high) with low < high", got=domain)

    def _check_masks(self, where: str) -> None:
        count = len(self.shapes)
        fits = isinstance(self.masks, Mapping) and all(
            of and {mask, *of} <= {*range(count)} and mask not in of for mask, of in self.masks.items()
        )
        if not fits:
            expected = f"{{input: (inputs whose positions it masks)}}, of the inputs 0 to {count - 1}"
            raise SettingError(f"{where}: masks", expected=expected, got=self.masks)

    @property
    def subject(self) -> Layer:
        """What is to be proved."""
        return self.layer

    @property
    def several(self) -> bool:
        """Whether there are several inputs."""
        return is_several(self.input_shape)

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of each input."""
        return tuple(self.input_shape) if self.several else (self.input_shape,)

    @property
    def domains(self) -> tuple[tuple[float, float] | None, ...]:
        """What each input may be."""
        return tuple(self.domain or (None,) * len(self.shapes)) if self.several else (self.domain,)

    @property
    def integers(self) -> tuple[bool, ...]:
        """Of each input, whether it has no derivative."""
        return integers_of(self.layer, len(self.shapes))

    def contains(self, value: float) -> bool:
        """Return whether a number may be an input."""
        low, high = (-math.inf, math.inf) if self.domain is None else self.domain
        return low <= value < high


@dataclass(frozen=True)
class LossCase:
    """A configured loss on scores of a shape, and what it declares of itself.

    `targets` says what the loss takes: "real", "binary", "sign", "class", "distribution", None, or a function
    `(rng, B)` that draws them; valid and invalid ones are drawn by the suite where it knows the kind.
    `reference(scores, targets)` is a slow `value` that shares no code with the loss, on a batch (or one point).
    `kink_points` are (scores, targets, gradient) of one point. `non_negative` declares that no point costs less than
    0, `perfect` what a perfect prediction costs. `invalid` and `expected_failures` are those of `LayerCase`.

    Raises:   SettingError.
    """

    id: str
    loss: Loss
    score_shape: Shape
    targets: str | Callable[[np.random.Generator, int], Any] | None
    reference: Reference | None = None
    kink_points: Sequence[tuple[Any, ...]] = ()
    invalid: Sequence[Mapping[str, Any]] = ()
    expected_failures: Mapping[str, str] = field(default_factory=dict)
    non_negative: bool = False
    perfect: float | None = None

    def __post_init__(self) -> None:
        _check_common(self)
        where = f"case {self.id}"
        if not isinstance(self.loss, Loss):
            raise SettingError(f"{where}: loss", expected="a Loss", got=self.loss)
        object.__setattr__(self, "score_shape", sample_shape(f"{where}: score_shape", self.score_shape))
        if self.targets is not None and not callable(self.targets) and self.targets not in TARGETS:
            expected = "None, a function (rng, B), or one of " + ", ".join(map(repr, TARGETS))
            raise SettingError(f"{where}: targets", expected=expected, got=self.targets)
        if self.targets in ("class", "distribution") and len(self.score_shape) != 1:
            raise SettingError(f"{where}: score_shape", expected="(m,), m the number of classes", got=self.score_shape)
        for point in self.kink_points:
            if not isinstance(point, tuple | list) or len(point) not in (2, 3):
                raise SettingError(f"{where}: kink_points", expected="(scores, targets, gradient)", got=point)

    @property
    def subject(self) -> Loss:
        """What is to be proved."""
        return self.loss


@dataclass(frozen=True)
class OptimizerCase:
    """A configured optimizer, and what it declares of itself.

    `reference(problem)` is the rule once more, sharing no code with the optimizer: it yields w after each step, and may
    go on for ever. `problem` has `start`, the first w; `gradient(w, step)`; `gauss_newton(w, step)`, the dense matrix;
    and `objective(w, step)`, all in float64. `coordinatewise(rule)` makes one of a `rule(w, slopes)` for plain numbers.
    `invalid` and `expected_failures` are those of `LayerCase`: a rule that treats each parameter by itself, for
    instance, fails "optimizer.slices" and says so there.

    Raises:   SettingError.
    """

    id: str
    optimizer: Optimizer
    reference: Reference | None = None
    invalid: Sequence[Mapping[str, Any]] = ()
    expected_failures: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_common(self)
        if not isinstance(self.optimizer, Optimizer):
            raise SettingError(f"case {self.id}: optimizer", expected="an Optimizer", got=self.optimizer)

    @property
    def subject(self) -> Optimizer:
        """What is to be proved."""
        return self.optimizer


@dataclass(frozen=True)
class PreparationCase:
    """A configured preparation on rows of numbers, and what it declares of itself.

    `rows(rng, B)` draws B legal rows, (B, *shape); `columns` are theirs, where they are a table's: rows have codes of
    words then, and all of these may occur. `reference(x, rows)` is slow, shares no code with the preparation, and
    returns the samples of `rows` after learning from x. `refused` are rows that neither fit nor apply may take.
    `invalid` and `expected_failures` are those of `LayerCase`.

    Raises:   SettingError.
    """

    id: str
    preparation: Preparation
    rows: Callable[[np.random.Generator, int], Any]
    columns: tuple[Column, ...] = ()
    reference: Reference | None = None
    refused: Sequence[Any] = ()
    invalid: Sequence[Mapping[str, Any]] = ()
    expected_failures: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_common(self)
        where = f"case {self.id}"
        fresh = isinstance(self.preparation, Preparation) and self.preparation.state is None
        if not fresh:
            expected = "a Preparation that has not learned yet"
            raise SettingError(f"{where}: preparation", expected=expected, got=self.preparation)
        if not callable(self.rows):
            raise SettingError(f"{where}: rows", expected="a function (rng, B)", got=self.rows)

    @property
    def subject(self) -> Preparation:
        """What is to be proved."""
        return self.preparation


Case = LayerCase | LossCase | OptimizerCase | PreparationCase
