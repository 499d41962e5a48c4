"""Winograd's transforms, each of a vector of channels, in LLVM's words: their weights are part of the code.

Formula:  M t and, of a tile, M t Mᵀ for M of `chainrule_conv.winograd`: D, Aᵀ, G, Gᵀ, A; kernels are 3×3 or 5×5.

What does not change sign with its point and what does is added up apart: the rows of 1 and -1, 2 and -2 share both
sums. Numba would load each term of each sum again, and compute with weights that are zeros.
"""

# Numba ships no types.
# mypy: disable-error-code="no-untyped-call, untyped-decorator, import-untyped"

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from chainrule import Array
from chainrule_conv.winograd import ALPHA, line

from .registers import INT, VECTOR

SIZES = (3, 5)
INPUTS, OUTPUTS = 0, 2
"""D and Aᵀ for a kernel 3×3; the next number is that for 5×5."""
TO_POINTS = [line(r).D for r in SIZES] + [line(r).A.T for r in SIZES]


def combine(builder: Any, matrix: Array, terms: list[Any]) -> list[Any]:
    """Return M t of vectors t."""
    weights, terms = matrix.copy(), list(terms)
    for j, k in _twins(matrix.T):
        same = matrix[:, j] == matrix[:, k]
        terms[j], terms[k] = builder.fadd(terms[j], terms[k]), builder.fsub(terms[j], terms[k])
        weights[:, j], weights[:, k] = np.where(same, matrix[:, j], 0), np.where(same, 0, matrix[:, j])
    made: list[Any] = [None] * len(weights)
    for i, k in _twins(weights):
        same = weights[i] == weights[k]
        even, odd = (_weighed(builder, np.where(kept, weights[i], 0), terms) for kept in (same, ~same))
        made[i], made[k] = builder.fadd(even, odd), builder.fsub(even, odd)
    return [_weighed(builder, row, terms) if own is None else own for row, own in zip(weights, made, strict=True)]


def _twins(matrix: Array) -> list[tuple[int, int]]:
    """Return pairs of rows with the same numbers, some of which have another sign."""
    return [
        (i, k)
        for i, k in combinations(range(len(matrix)), 2)
        if (abs(matrix[i]) == abs(matrix[k])).all()
        and (matrix[i] != matrix[k]).any()
        and ((matrix[i] == matrix[k]) & (matrix[i] != 0)).any()
    ]


def _weighed(builder: Any, weights: Array, terms: list[Any]) -> Any:
    total = None
    for weight, term in zip(weights, terms, strict=True):
        if weight == 0:
            continue
        one = abs(weight) == 1
        factor = ir.Constant(term.type, [float(abs(weight))] * term.type.count)
        product = term if one else builder.fmul(term, factor, flags=("contract",))
        if total is None:
            total = product if weight > 0 else builder.fneg(product)
        else:
            total = (builder.fadd if weight > 0 else builder.fsub)(total, product, flags=("contract",))
    return total


class _Code:
    """What the generators share: the arguments of a call, with arrays as pointers, and vectors in memory."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        kinds = signature.args
        self.builder = builder
        self.values = [
            context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
            for kind, value in zip(kinds, arguments, strict=True)
        ]
        number = context.get_data_type(next(kind for kind in kinds if isinstance(kind, types.Array)).dtype)
        self.size = 8 if isinstance(number, ir.DoubleType) else 4
        self.vector = ir.VectorType(number, VECTOR // self.size)

    def at(self, pointer: Any, *offsets: Any) -> Any:
        """Return a pointer moved by offsets, each a value or (value, factor)."""
        for offset in offsets:
            value, factor = offset if isinstance(offset, tuple) else (offset, 1)
            pointer = self.builder.gep(pointer, [self.builder.mul(value, INT(factor)) if factor != 1 else value])
        return pointer

    def load(self, pointer: Any) -> Any:
        """Return the vector at a pointer."""
        return self.builder.load(self.builder.bitcast(pointer, self.vector.as_pointer()), align=self.size)

    def store(self, vector: Any, pointer: Any) -> None:
        """Write a vector."""
        self.builder.store(vector, self.builder.bitcast(pointer, self.vector.as_pointer()), align=self.size)

    def load_first(self, pointer: Any, count: Any) -> Any:
        """Return a vector whose first numbers are those at a pointer, and whose others are zeros."""
        narrow = ir.IntType(32)
        lanes = ir.VectorType(narrow, self.vector.count)
        mask_type, place = ir.VectorType(ir.IntType(1), self.vector.count), self.vector.as_pointer()
        one = self.builder.insert_element(
            ir.Constant(lanes, ir.Undefined), self.builder.trunc(count, narrow), narrow(0)
        )
        every = self.builder.shuffle_vector(one, ir.Constant(lanes, ir.Undefined), ir.Constant(lanes, None))
        mask = self.builder.icmp_signed("<", ir.Constant(lanes, list(range(self.vector.count))), every)
        kind = ir.FunctionType(self.vector, [place, narrow, mask_type, self.vector])
        name = f"llvm.masked.load.v{self.vector.count}f{8 * self.size}.p0"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        zeros = ir.Constant(self.vector, None)
        return self.builder.call(function, [self.builder.bitcast(pointer, place), narrow(self.size), mask, zeros])

    def constant(self, value: float) -> Any:
        """Return a vector of a number."""
        return ir.Constant(self.vector, [value] * self.vector.count)


def _each(builder: Any, which: Any, matrices: list[Array], emit: Callable[[Array], None]) -> None:
    """Emit the code of each matrix, of which the one with the number `which` runs."""
    if len(matrices) == 1:
        emit(matrices[0])
        return
    with builder.if_else(builder.icmp_signed("<", which, INT(len(matrices) // 2))) as (then, otherwise):
        with then:
            _each(builder, which, matrices[: len(matrices) // 2], emit)
        with otherwise:
            rest = matrices[len(matrices) // 2 :]
            _each(builder, builder.sub(which, INT(len(matrices) // 2)), rest, emit)


def _inside(matrices: list[Array]) -> Any:
    """Return M t for terms `step` apart, of which those outside `first` to `last` are zeros, and `count` lanes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(context, builder, signature, arguments)
        which, source, start, step, first, last, count, zeros, target, goal, stride = code.values

        def emit(matrix: Array) -> None:
            pointers = []
            for k in range(matrix.shape[1]):
                inside = builder.and_(builder.icmp_signed("<=", first, INT(k)), builder.icmp_signed("<", INT(k), last))
                pointers.append(builder.select(inside, code.at(source, start, (step, k)), zeros))
            whole = builder.icmp_signed(">=", count, INT(code.vector.count))
            with builder.if_else(whole) as branches:
                for branch, load in zip(
                    branches, (code.load, lambda pointer: code.load_first(pointer, count)), strict=True
                ):
                    with branch:
                        for i, made in enumerate(combine(builder, matrix, [load(own) for own in pointers])):
                            code.store(made, code.at(target, goal, (stride, i)))

        _each(builder, which, matrices, emit)
        return context.get_dummy_value()

    def transform(
        _: Any,
        which: Any,
        source: Any,
        start: Any,
        step: Any,
        first: Any,
        last: Any,
        count: Any,
        zeros: Any,
        target: Any,
        goal: Any,
        stride: Any,
    ) -> Any:
        """Write M t, `stride` apart."""
        given = which, source, start, step, first, last, count, zeros, target, goal, stride
        return types.void(*given), generate

    return intrinsic(transform)


def _plain(matrices: list[Array]) -> Any:
    """Return M t for terms `step` apart."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(context, builder, signature, arguments)
        which, source, start, step, target, goal, stride = code.values

        def emit(matrix: Array) -> None:
            terms = [code.load(code.at(source, start, (step, k))) for k in range(matrix.shape[1])]
            for i, made in enumerate(combine(builder, matrix, terms)):
                code.store(made, code.at(target, goal, (stride, i)))

        _each(builder, which, matrices, emit)
        return context.get_dummy_value()

    def transform(_: Any, which: Any, source: Any, start: Any, step: Any, target: Any, goal: Any, stride: Any) -> Any:
        """Write M t, `stride` apart."""
        given = which, source, start, step, target, goal, stride
        return types.void(*given), generate

    return intrinsic(transform)


def _square(matrices: list[Array]) -> Any:
    """Return start + M t Mᵀ of a tile, and not less than `least`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(context, builder, signature, arguments)
        which, source, start, step, added, at, least, target, goal, down, across = code.values

        def emit(matrix: Array) -> None:
            terms = [code.load(code.at(source, start, (step, k))) for k in range(ALPHA**2)]
            rows = [combine(builder, matrix, terms[i : i + ALPHA]) for i in range(0, ALPHA**2, ALPHA)]
            shift, floor = code.load(code.at(added, at)), code.load(least)
            for j in range(len(matrix)):
                for i, made in enumerate(combine(builder, matrix, [row[j] for row in rows])):
                    y = builder.fadd(made, shift)
                    y = builder.select(builder.fcmp_ordered("<", y, floor), floor, y)
                    code.store(y, code.at(target, goal, (down, i), (across, j)))

        _each(builder, which, matrices, emit)
        return context.get_dummy_value()

    def transform(
        _: Any,
        which: Any,
        source: Any,
        start: Any,
        step: Any,
        added: Any,
        at: Any,
        least: Any,
        target: Any,
        goal: Any,
        down: Any,
        across: Any,
    ) -> Any:
        """Write a tile, its rows `down` and its columns `across` apart."""
        given = which, source, start, step, added, at, least, target, goal, down, across
        return types.void(*given), generate

    return intrinsic(transform)


pictures_to_points = _inside(TO_POINTS)
rows_to_points = _plain(TO_POINTS)
taps_to_points = _inside([line(r).G for r in SIZES])
rows_of_taps_to_points = _plain([line(r).G for r in SIZES])
points_to_taps = _plain([line(r).G.T.copy() for r in SIZES])
tile_of_points = _square([line(r).A for r in SIZES])
