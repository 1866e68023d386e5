"""Parts of a hypothesis that are given, and so are no theta."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, PyTree

from .._show import Given


class Frozen(Given):
    """A module or an array that solvers leave as it is.

    A frozen module is called as before, and its attributes and methods are reached as before. A
    frozen array goes into arithmetic and `jax.numpy` functions as an array. It is no constant to
    automatic differentiation: a solution can be differentiated in what it holds.
    """

    value: PyTree

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.value(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        # Reached only for names that this class lacks; `value` itself is missing while a copy
        # is being built.
        if name == "value" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.value, name)

    def __getitem__(self, index: Any) -> Any:
        return self.value[index]

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Any:
        return iter(self.value)

    def __jax_array__(self) -> Array:
        return jnp.asarray(self.value)

    def __neg__(self) -> Any:
        return -self.value

    def __add__(self, other: Any) -> Any:
        return self.value + other

    def __radd__(self, other: Any) -> Any:
        return other + self.value

    def __sub__(self, other: Any) -> Any:
        return self.value - other

    def __rsub__(self, other: Any) -> Any:
        return other - self.value

    def __mul__(self, other: Any) -> Any:
        return self.value * other

    def __rmul__(self, other: Any) -> Any:
        return other * self.value

    def __truediv__(self, other: Any) -> Any:
        return self.value / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.value

    def __pow__(self, other: Any) -> Any:
        return self.value**other

    def __rpow__(self, other: Any) -> Any:
        return other**self.value

    def __matmul__(self, other: Any) -> Any:
        return self.value @ other

    def __rmatmul__(self, other: Any) -> Any:
        return other @ self.value


def freeze(x: PyTree) -> Frozen:
    """x as a given: transfer, or a quantity that another equation has settled.

    `eqx.tree_at(lambda f: f.inner, f, replace_fn=fe.freeze)` freezes a part of f.

    **Arguments:** `x`, a module or an array. **Returns:** `Frozen(x)`; x where it is frozen.
    """
    return x if isinstance(x, Frozen) else Frozen(x)
