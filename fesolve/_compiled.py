"""Compilation that is keyed by what a computation is: a tree is split into its arrays, which are
arguments of the compiled program, and a hashable rest, which is its key."""

import functools
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxprs_in_params
from jaxtyping import PyTree

from ._fingerprint import fingerprint, forget, Opaque, Recent, said, TracedClosureError
from ._types import is_traced, is_tracing


_ARRAYS = (jax.Array, np.ndarray, np.generic)


class Keyed:
    """What has a key: hashable, and equal where the keys are. `opaque` is what could not be read,
    where there is such a thing."""

    key: Hashable
    opaque: Opaque | None = None

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.key == getattr(other, "key", None)


class Static(Keyed):
    """A tree without its arrays: hashable, and equal where the trees compute the same.

    Where something in it cannot be read it is equal to itself alone, and a warning says so."""

    def __init__(self, tree: PyTree) -> None:
        leaves, self.structure = jax.tree.flatten(tree)
        self.is_array = tuple([isinstance(leaf, _ARRAYS) for leaf in leaves])
        self.others = [x for x, array in zip(leaves, self.is_array, strict=True) if not array]
        found = said(fingerprint(self.others, self.structure, self.is_array))
        self.key, self.opaque = found.key, found.opaque
        self.functions = found.functions

    def merge(self, arrays: list[Any]) -> PyTree:
        """The tree again, with these arrays. It is then traced, and so are its functions."""
        self.forget()
        given, rest = iter(arrays), iter(self.others)
        leaves = [next(given) if is_array else next(rest) for is_array in self.is_array]
        return jax.tree.unflatten(self.structure, leaves)

    def forget(self) -> None:
        """Has JAX trace the functions of the tree anew, once."""
        functions, self.functions = self.functions, []
        forget(functions)


def arrays_of(tree: PyTree) -> list[Any]:
    """The array leaves of a tree, in order."""
    return [leaf for leaf in jax.tree.leaves(tree) if isinstance(leaf, _ARRAYS)]


def with_arrays(tree: PyTree, arrays: list[Any]) -> PyTree:
    """A tree with other arrays in the order of `arrays_of`."""
    leaves, structure = jax.tree.flatten(tree)
    given = iter(arrays)
    return jax.tree.unflatten(
        structure, [next(given) if isinstance(x, _ARRAYS) else x for x in leaves]
    )


class _Label(Keyed):
    """What stands in JAX's caches for a keyed argument: it has the key, and keeps nothing else
    alive. The caller holds the argument while it is traced."""

    def __init__(self, owner: Keyed) -> None:
        self.key, self.owner = (type(owner), owner.key), weakref.ref(owner)


def _unlabelled(x: Any) -> Any:
    return x.owner() if isinstance(x, _Label) else x


# The older code generator of XLA's CPU compiler, in one piece: the programs of a solve compile in
# two thirds of the time, and run as fast.
_QUICK = {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}
# Without optimisation they compile in a tenth to a quarter, and run up to ten times longer.
_SELDOM = {**_QUICK, "xla_backend_optimization_level": 0}


@functools.cache
def compiler_options(seldom: bool = False) -> dict[str, Any] | None:
    """The options for programs of ours; `None` on accelerators and where XLA lacks them."""
    if jax.default_backend() != "cpu":
        return None
    options = _SELDOM if seldom else _QUICK
    try:
        jax.jit(lambda: 0.0, compiler_options=options).lower().compile()
    except jax.errors.JaxRuntimeError:
        return None
    return options


SHORT, LOOPS = 1e9, 30
"""Bytes that a program makes on its way up to which a run takes less than its optimisation, and
how often a loop of unknown length is thought to run."""


def bytes_of(jaxpr: Any, *, looping: bool = False) -> int:
    """Of all arrays that a program makes on its way, if none made room for another.

    **Arguments:** `looping`, whether what a loop makes counts each time that it is made.
    """
    total = 1
    for equation in jaxpr.eqns:
        total += sum(v.aval.size * v.aval.dtype.itemsize for v in equation.outvars)
        inside = sum(bytes_of(j, looping=looping) for j in jaxprs_in_params(equation.params))
        if looping:
            unknown = LOOPS if equation.primitive.name == "while" else 1
            inside *= equation.params.get("length", unknown)
        total += inside
    return total


def _quickly(function: Callable, *, plain_to: float = 0.0, **options: Any) -> Callable:
    """`jax.jit` with our options for the compiler, which are for whole programs alone.

    **Arguments:** `plain_to`, the bytes that a program makes on its way up to which it is not
    optimised: 0 for none, infinity for all, which are then not counted.
    """
    part, known = jax.jit(function, **options), Recent(256)

    @functools.cache
    def whole(seldom: bool) -> Callable:
        return jax.jit(function, compiler_options=compiler_options(seldom), **options)

    def is_short(args: tuple) -> bool:
        leaves, structure = jax.tree.flatten(args)
        shapes = [(x.shape, x.dtype) if isinstance(x, _ARRAYS) else x for x in leaves]
        made = lambda: bytes_of(whole(True).trace(*args).jaxpr.jaxpr, looping=True)
        return known.get((structure, *shapes), made) <= plain_to

    def call(*args: Any) -> Any:
        inside = is_traced(args) or is_tracing()
        try:
            plain = not inside and plain_to > 0 and (plain_to == np.inf or is_short(args))
            found = (part if inside else whole(plain))(*args)
            # without optimisation the derivative of `jnp.max` may be 0 / 0: a maximum that is
            # worked out twice need not be equal to itself
            again = plain and _has_nan(found)
            return whole(False)(*args) if again else found
        except ValueError as error:
            # as which JAX reports a Ctrl-C that falls into the comparison of static arguments
            if "KeyboardInterrupt" in str(error):
                raise KeyboardInterrupt from None
            raise

    return call


def _has_nan(tree: PyTree) -> bool:
    floats = [leaf for leaf in arrays_of(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return any(np.isnan(np.asarray(leaf)).any() for leaf in floats)


def run_seldom(function: Callable, **options: Any) -> Callable:
    """`jax.jit` for what runs a few times, as draws of a sample do: what optimisation would cost
    is more than it would save."""
    return functools.wraps(function)(_quickly(function, plain_to=np.inf, **options))


def program(*static: int, plain_to: float = 0.0) -> Callable[[Callable], Callable]:
    """`jax.jit` with static arguments, among which are keys. The programs of an opaque key are
    kept with it, and with it forgotten, since nobody can ask for them again.

    **Arguments:** `plain_to`, for programs that run a few times: the bytes up to which they are not
    optimised, `SHORT` for those whose run is short, infinity for all.
    """

    def decorated(function: Callable) -> Callable:
        @functools.partial(_quickly, static_argnums=static, plain_to=plain_to)
        @functools.wraps(function)
        def shared(*args: Any) -> Any:
            return function(*[_unlabelled(x) for x in args])

        @functools.wraps(function)
        def call(*args: Any) -> Any:
            given = list(args)
            for place in static:
                x = args[place]
                if isinstance(x, Keyed):
                    if x.opaque is not None:
                        own = _own_program(x.opaque, function, static, args, plain_to)
                        return own(*args)
                    given[place] = _Label(x)
            return shared(*given)

        return call

    return decorated


def _own_program(
    opaque: Opaque, function: Callable, static: tuple[int, ...], args: tuple, plain_to: float
) -> Callable:
    key = (function, plain_to, *[args[place] for place in static])
    if key not in opaque.programs:
        fixed = {place: args[place] for place in static}

        # a function of its own, since JAX keeps programs by functions as long as these live
        def own(*moving: Any) -> Any:
            return function(*[fixed.get(i, x) for i, x in enumerate(moving)])

        run = _quickly(own, plain_to=plain_to)
        opaque.programs[key] = lambda *args: run(
            *[None if i in fixed else x for i, x in enumerate(args)]
        )
    return opaque.programs[key]


def anew(function: Callable, *args: Any) -> PyTree:
    """`function(*args)` by a program that is traced for this call alone: what an eager call gives,
    at the price of one compilation instead of one for each kind of operation."""
    arrays, rest = eqx.partition(args, lambda x: isinstance(x, _ARRAYS))
    once = _quickly(lambda arrays: function(*eqx.combine(arrays, rest)), plain_to=np.inf)
    return once(arrays)


def compiled(function: Callable, *, seldom: bool = False) -> Callable:
    """`function`, compiled once for each distinct set of non-array arguments.

    Inside another trace it is called as it is, so that tracers in closures are allowed there.
    """

    @program(0, plain_to=np.inf if seldom else 0.0)
    def run(static: Static, arrays: list[Any]) -> PyTree:
        return function(*static.merge(arrays))

    @functools.wraps(function)
    def call(*args: Any) -> PyTree:
        arrays = arrays_of(args)
        if any(isinstance(array, jax.core.Tracer) for array in arrays):
            return function(*args)
        try:
            static = Static(args)
        except TracedClosureError:
            return function(*args)
        return run(static, arrays)

    return call
