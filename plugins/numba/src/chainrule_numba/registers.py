"""Sums of products that stay in the processor's vector registers from the first to the last.

A tile is P × V sums of vectors. `outer` takes a number of A for each of the P, a vector of B for each of the V, and
adds their product; `inner` takes vectors of both, and adds up the lanes of each sum at the end.

Formula:  sum[p, v] = start[v] + Σ_(run, t) A[places[p] + runs[run, 0] + t step_a]
                                            B[at_b + runs[run, 1] each + t step_b + v lane]
Source:   Goto and van de Geijn (2008), Anatomy of high-performance matrix multiplication, section 4; Georganas et al.
          (2018), Anatomy of high-performance deep learning convolutions on SIMD architectures, for convolutions.

Numba leaves sums in memory where a loop has several, and so the tile is written in LLVM's words.
"""

# Numba ships no types.
# mypy: disable-error-code="no-untyped-call, untyped-decorator, import-untyped"

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic

INT = ir.IntType(64)


class Machine(NamedTuple):
    """The bytes of a vector, and how many P its registers hold: of `outer` with V = 2, and of `inner` with V = 3."""

    vector: int
    outer: int
    inner: int


def machine(features: str) -> Machine:
    """Return what a processor has, by LLVM's names: 32 registers of 64 bytes, 16 of 32, or less."""
    names = set(features.split(","))
    if "+avx512f" in names:
        return Machine(64, 14, 8)
    return Machine(32, 6, 4) if "+avx" in names else Machine(16, 6, 4)


VECTOR, OUTER, INNER = machine(cpu_target.target_context.codegen().magic_tuple()[2])
CHANNELS = 3
"""The V of `inner`."""


def _tile(P: int, V: int, *, lanes: bool) -> Callable[..., Any]:
    """Return the tile as a function for kernels; `lanes` tells `inner` from `outer`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = context.get_data_type(signature.args[0].dtype)
        size = 8 if isinstance(number, ir.DoubleType) else 4
        vector = ir.VectorType(number, VECTOR // size)
        (
            a,
            places,
            place,
            step_a,
            b,
            at_b,
            each,
            step_b,
            lane,
            runs,
            first,
            last,
            length,
            start,
            at_start,
            out,
            goals,
        ) = (
            context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, arguments, strict=True)
        )

        def at(pointer: Any, offset: Any) -> Any:
            return builder.gep(pointer, [offset])

        def load(pointer: Any) -> Any:
            return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=size)

        def spread(value: Any) -> Any:
            one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
            everywhere = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None)
            return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), everywhere)

        def total(sums: Any) -> Any:
            half = vector.count
            while half > 1:
                half //= 2
                order = ir.Constant(ir.VectorType(ir.IntType(32), half), list(range(half)))
                behind = ir.Constant(ir.VectorType(ir.IntType(32), half), list(range(half, 2 * half)))
                undefined = ir.Constant(sums.type, ir.Undefined)
                sums = builder.fadd(
                    builder.shuffle_vector(sums, undefined, order), builder.shuffle_vector(sums, undefined, behind)
                )
            return builder.extract_element(sums, ir.IntType(32)(0))

        pairs = [(p, v) for p in range(P) for v in range(V)]
        sums = {pair: cgutils.alloca_once(builder, vector) for pair in pairs}
        for p, v in pairs:
            builder.store(
                ir.Constant(vector, None) if lanes else load(at(at(start, at_start), INT(v * vector.count))), sums[p, v]
            )
        # An index that LLVM cannot see through: else it moves P pointers, more than there is room for.
        every_bit = builder.call(ir.InlineAsm(ir.FunctionType(INT, [INT]), "", "=r,0"), [INT(-1)])
        index = cgutils.alloca_once(builder, INT)
        own = [builder.load(at(at(places, place), INT(p))) for p in range(P)]
        with cgutils.for_range_slice(builder, first, last, INT(1), intp=INT) as (run, _):
            pair_of_run = at(runs, builder.mul(run, INT(2)))
            base = at(a, builder.load(pair_of_run))
            columns = at(at(b, at_b), builder.mul(each, builder.load(at(pair_of_run, INT(1)))))
            rows = [at(base, offset) for offset in own]
            builder.store(INT(0), index)
            with cgutils.for_range(builder, length, intp=INT) as loop:
                here = builder.load(index)
                across = at(columns, builder.mul(loop.index, step_b))
                right = [load(at(across, builder.mul(lane, INT(v)))) for v in range(V)]
                for p in range(P):
                    left = load(at(rows[p], here)) if lanes else spread(builder.load(at(rows[p], here)))
                    for v in range(V):
                        product = builder.fmul(left, right[v], flags=("contract",))
                        added = builder.fadd(builder.load(sums[p, v]), product, flags=("contract",))
                        builder.store(added, sums[p, v])
                builder.store(builder.and_(builder.add(builder.load(index), step_a), every_bit), index)
        for p in range(P):
            goal = at(out, builder.load(at(goals, INT(p))))
            for v in range(V):
                if lanes:
                    builder.store(total(builder.load(sums[p, v])), at(goal, INT(v)))
                else:
                    place = builder.bitcast(at(goal, INT(v * vector.count)), vector.as_pointer())
                    builder.store(builder.load(sums[p, v]), place, align=size)
        return context.get_dummy_value()

    def tile(  # numba reads the names of the arguments, and takes no *given
        _: Any,
        a: Any,
        places: Any,
        place: Any,
        step_a: Any,
        b: Any,
        at_b: Any,
        each: Any,
        step_b: Any,
        lane: Any,
        runs: Any,
        first: Any,
        last: Any,
        length: Any,
        start: Any,
        at_start: Any,
        out: Any,
        goals: Any,
    ) -> Any:
        """Write the sums of a tile at its P goals, V vectors or, of `inner`, numbers each."""
        given = (
            a,
            places,
            place,
            step_a,
            b,
            at_b,
            each,
            step_b,
            lane,
            runs,
            first,
            last,
            length,
            start,
            at_start,
            out,
            goals,
        )
        return types.void(*given), generate

    return intrinsic(tile)


outer_one = _tile(OUTER, 1, lanes=False)
outer_two = _tile(OUTER, 2, lanes=False)
inner_three = _tile(INNER, CHANNELS, lanes=True)
