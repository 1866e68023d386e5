# %% [markdown]
# # A small residual is not a solution: growth with and without its anchor
#
# rho V = max u(c) + V'(k) (A k^alpha - delta k - c), differentiated in k, is an equation for the
# policy alone: gamma c'(k) / c (A k^alpha - delta k - c) = alpha A k^(alpha - 1) - delta - rho.
# One policy rests at the steady state; others pass it saving still, and are as smooth.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr

import fesolve as fe


jax.config.update("jax_enable_x64", True)
gamma, alpha, delta, rho = 2.0, 0.3, 0.05, 0.05
k_steady = (alpha / (rho + delta)) ** (1 / (1 - alpha))
c_steady = k_steady**alpha - delta * k_steady
low, high = 0.1 * k_steady, 2 * k_steady
ends = (jnp.log(low).item(), jnp.log(high).item())


def euler(c, k):
    consumption, slope = jax.value_and_grad(c)(k)
    growth = gamma * slope / consumption * (k**alpha - delta * k - consumption)
    return (growth - (alpha * k ** (alpha - 1) - delta - rho)) / (rho + delta)


risk = fe.Risk(euler, fe.Uniform(low, high))
train, test = risk.quadrature(28), risk.empirical(2_000, key=jr.key(0))

# %% [markdown]
# Without an anchor log c is a series in log k. A start is an arbitrary multiple of output.


# %%
def unanchored(key):
    series = fe.Series(fe.Chebyshev(20, ends), start=jr.uniform(key, minval=-1.5, maxval=0.0))
    return fe.Ansatz(lambda g, k: jnp.exp(alpha * jnp.log(k) + g(jnp.log(k))), series)


off = lambda c: float(c(k_steady)) / c_steady - 1
ends_at = [fe.solve(train, unanchored(key), throw=False) for key in jr.split(jr.key(1), 8)]
for solution in ends_at:
    sentence = fe.RESULTS[solution.result].split(":")[0]
    print(f"risk {float(solution.risk):.1e}, c* off by {off(solution.value):+.2%}: {sentence}")

# %% [markdown]
# Most starts end at the policy that rests. The others have a residual of zero as well, on fresh
# points too, so that residuals alone say nothing against them. Three things do. First, the judge:
# this f is not determined, since its neighbours are solutions too.

# %%
good = min(ends_at, key=lambda s: abs(off(s.value)))
wrong = min((s for s in ends_at if off(s.value) < -0.1), key=lambda s: float(s.risk))
assert abs(off(good.value)) < 1e-6 and float(wrong.risk) < 1e-20
report = fe.RiskReport(wrong.value, train=train, test=test)
print(report)
assert "not determined" in report.verdict and off(wrong.value) < -0.5
for solution in (wrong, good):
    print(f"least |dr| per |df| {float(solution.stats['conditioning']):.1e}")
assert bool(wrong.result == fe.RESULTS.not_unique) and bool(good.solved)

# %% [markdown]
# Second, stability: capital must rest at k*, and the closed loop have a negative eigenvalue there.


# %%
def stability(c):
    saving = lambda k: k**alpha - delta * k - c(k)
    saved, slope = (float(x) for x in jax.value_and_grad(saving)(k_steady))
    rests = abs(saved) < 1e-3 * c_steady and slope < 0
    return fe.Check("stability", slope, rests, f"saves {saved:.2g}, with slope {slope:.2g}, at k*")


report = fe.RiskReport(wrong.value, test=test, checks=[stability(wrong.value)])
print(report.verdict)
assert not report.solved
assert fe.RiskReport(good.value, test=test, checks=[stability(good.value)]).solved

# %% [markdown]
# Third, several starts: they end at different functions of equal risk.

# %%
several = fe.MultiStart(unanchored, starts=7)
solution = fe.solve(train, unanchored(jr.key(2)), several, key=jr.key(4), throw=False)
print(fe.RESULTS[solution.result], f"(spread {float(solution.stats['spread']):.2g})")
assert not bool(solution.solved)

# %% [markdown]
# With the anchor c(k*) = c* one start is enough; the figures are of the saddle path, by shooting.

# %%
anchored = lambda g, k: c_steady * jnp.exp(jnp.log(k / k_steady) * g(jnp.log(k)))
c = fe.solve(train, fe.Ansatz(anchored, fe.Series(fe.Chebyshev(20, ends), start=0.5))).value
ax = fe.plots.functions({"anchored": c, "wrong": wrong.value}, train, coordinates=("k",))
ax.set_ylabel("consumption")
assert abs(float(c(low)) / 0.5257239401 - 1) < 1e-9
assert abs(float(c(high)) / 1.8775141502 - 1) < 1e-9
