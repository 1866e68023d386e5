"""What distributions say of themselves in a line, where it is more than how they were made."""

import jax

from .._show import Plain, Word, words
from ._adapted import Adapted
from ._adaptive import ResidualWeighted
from ._base import Empirical
from ._chain import MarkovChain
from ._combine import Product
from ._diffusion import Diffusion
from ._ergodic import Ergodic
from ._histogram import Histogram
from ._normal import LogNormal


@words.register
def _(p: Adapted) -> list[Word]:
    return [Word(p.distribution)]


@words.register
def _(chain: MarkovChain) -> list[Word]:
    return [Word(Plain(f"{chain.transition.shape[-1]} states"))]


@words.register
def _(p: Empirical) -> list[Word]:
    n = jax.tree.leaves(p.points)[0].shape[:1]
    points = Word(Plain(f"{n[0]:,} point{'' if n == (1,) else 's'}" if n else "points"))
    return [points] if p.population is None else [points, Word(p.population, "of")]


@words.register
def _(p: LogNormal) -> list[Word]:
    return words(p.log)


@words.register
def _(p: Product) -> list[Word]:
    named = p.parts.items() if isinstance(p.parts, dict) else [("", part) for part in p.parts]
    return [Word(part, name) for name, part in named]


@words.register
def _(p: Ergodic) -> list[Word]:
    found = [Word(p.step), Word(p.initial), *([] if p.shock is None else [Word(p.shock)])]
    found += [Word(p.periods, "periods"), *([Word(p.burn_in, "burn_in")] if p.burn_in else [])]
    return [*found, *_given(p)]


@words.register
def _(p: Diffusion) -> list[Word]:
    found = [Word(p.drift), Word(p.diffusion), Word(p.initial)]
    return [*found, Word(p.horizon, "horizon"), Word(p.steps, "steps"), *_given(p)]


@words.register
def _(p: Histogram) -> list[Word]:
    found = [Word(p.step), Word(Plain(f"{p.nodes.shape[0]:,} nodes"))]
    found += [Word(part) for part in (p.chain, p.shock) if part is not None]
    return [*found, *_given(p)]


@words.register
def _(p: ResidualWeighted) -> list[Word]:
    return [Word(p.distribution), Word(p.residual), *_given(p)]


def _given(p: Ergodic | Diffusion | Histogram | ResidualWeighted) -> list[Word]:
    """The f at which a distribution was taken that depends on f."""
    return [] if p.hypothesis is None else [Word(p.hypothesis, "given")]
