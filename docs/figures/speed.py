"""The first solve and the later ones: what compiles, and what does not."""

import time

import jax
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator

import fesolve as fe


jax.config.update("jax_enable_x64", True)
initial = fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))


def equation(a):
    return fe.Risk(lambda f, x, a: jax.grad(f)(x) - a * f(x), fe.Uniform(0.0, 1.0), args=(a,))


def seconds(a, degree):
    series = fe.Series(fe.Chebyshev(degree, (0.0, 1.0)))
    begin = time.perf_counter()
    f = fe.solve((equation(a) + initial).quadrature(24), series).value
    jax.block_until_ready(f.coefficients)
    return time.perf_counter() - begin


def later(a, degree):
    return min(seconds(a + i / 100, degree) for i in range(3))  # the machine may do other work


times = [seconds(-2.0, 13), *(later(a, 13) for a in (-1.5, -1.0, -0.5))]
times += [seconds(-0.5, 15), later(-1.0, 15)]
labels = ["first", "a = -1.5", "a = -1", "a = -0.5", "degree 15", "again"]
_, ax = plt.subplots(figsize=(5.2, 3.7), layout="constrained")
bars = ax.bar(
    labels, [1e3 * s for s in times], color=["#d55e00"] + ["#0072b2"] * 3 + ["#d55e00", "#0072b2"]
)
ax.set_yscale("log")
ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
ax.minorticks_off()
ax.set_ylabel("milliseconds a solve")
ax.tick_params(axis="x", labelsize=8)
ax.spines[["top", "right"]].set_visible(False)
