"""References for models with many states: paths by SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import spsolve


def countries_without_risk(m, k, z, periods=600):
    """log k' and log lambda of `problems.multi_country` today where no shock will ever come: the
    path to the steady state as one system of equations, by Newton's method with a sparse Jacobian
    of complex steps."""
    n = m.countries
    productivity = (1 / m.beta - 1 + m.delta) / m.zeta
    elasticities = np.linspace(m.elasticity_low, m.elasticity_high, n)
    z = z * m.rho ** np.arange(periods + 1)[:, None]

    def equations(path):
        """path[t] is (log k_{t + 1}, log lambda_t); at rest after the last."""
        y = np.vstack([path.reshape(periods, n + 1), np.zeros((1, n + 1))])
        now = np.exp(np.vstack([np.log(k).astype(path.dtype), y[:-1, :n]]))
        following, price = np.exp(y[:, :n]), np.exp(y[:, n:])
        growth = following / now
        output = productivity * np.exp(z) * now**m.zeta
        consumption = (productivity - m.delta) * price ** (-elasticities)
        cost = 0.5 * m.kappa * now * (growth - 1) ** 2
        left = output + (1 - m.delta) * now - following - cost - consumption
        product = m.zeta * output / now + 1 - m.delta + 0.5 * m.kappa * (growth**2 - 1)
        euler = m.beta * price[1:] * product[1:] / price[:-1] - 1 - m.kappa * (growth[:-1] - 1)
        return np.column_stack([euler, left[:-1].sum(axis=1)]).ravel()

    size, width = periods * (n + 1), n + 1
    path = np.zeros(size)
    for _ in range(30):
        r = equations(path)
        rows, columns, values = [], [], []
        for phase in range(3):
            for entry in range(width):
                moved = path.astype(complex)
                chosen = np.arange(phase, periods, 3) * width + entry
                moved[chosen] += 1e-30j
                slope = equations(moved).imag / 1e-30
                for column in chosen:
                    low = max(0, (column // width - 1) * width)
                    reach = np.arange(low, min(size, (column // width + 2) * width))
                    rows.append(reach)
                    columns.append(np.full(reach.size, column))
                    values.append(slope[reach])
        where = (np.concatenate(rows), np.concatenate(columns))
        step = spsolve(csc_matrix((np.concatenate(values), where), (size, size)), r)
        path = path - step
        if np.max(np.abs(step)) < 1e-13:
            break
    return path[:width]


def welfare(m, saved, abated, pulse=0.0):
    """Discounted utility of `problems.climate` where these shares of what is left of output are
    saved, and these of emissions abated, with a pulse of carbon in the first year; and the paths
    of capital, carbon, warming and consumption."""
    b12, b23, c1, c3, c4 = 0.054, 0.0082, 0.137, 0.73, 0.00689
    b21, b32 = b12 * 0.607 / 0.489, b23 * 0.489 / 1.281
    power = 1 - 1 / m.psi

    def year(state, given):
        k, air, upper, lower, heat, sea, weight = state
        t, s, mu, extra = given
        A = 0.010295 * jnp.exp(0.0217 * (1 - jnp.exp(-0.005 * t)) / 0.005)
        L = 7_403 + 4_097 * (1 - jnp.exp(-0.0268 * t))
        g_A = 0.0217 * jnp.exp(-0.005 * t)
        g_L = 0.0268 / ((11_500 / 4_097) * jnp.exp(0.0268 * t) - 1)
        sigma = 9.55592e-5 * jnp.exp(-0.0152 * (1.001**t - 1) / np.log(1.001))
        theta = 0.55 * 1_000 * 3.666 * sigma * jnp.exp(-0.005 * t) / 2.6
        output = k**m.alpha
        net = output * (1 - theta * mu**2.6 - m.damages * heat**2)
        carbon = (1 - mu) * sigma * A * L * output + 0.00070922 * jnp.exp(-0.023 * t) + extra
        force = 3.45 * jnp.log2(air / 0.607) + 0.5 + 0.5 * jnp.minimum(t, 85) / 85
        c = (1 - s) * net
        after = (
            (s * net + (1 - m.delta) * k) * jnp.exp(-g_A - g_L),
            (1 - b12) * air + b21 * upper + carbon,
            b12 * air + (1 - b21 - b23) * upper + b32 * lower,
            b23 * upper + (1 - b32) * lower,
            heat + c1 * (force - 3.45 / 3.25 * heat - c3 * (heat - sea)),
            sea + c4 * (heat - sea),
            weight * jnp.exp(-m.impatience + power * g_A + g_L),
        )
        return after, (weight * c**power / power, k, air, heat, c)

    t = jnp.arange(float(len(saved)))
    start = tuple(jnp.asarray(x) for x in (2.926, 0.851, 0.628, 1.323, 1.1, 0.27, 1.0))
    found = jax.lax.scan(year, start, (t, saved, abated, jnp.where(t == 0, pulse, 0.0)))[1]
    return found[0].sum(), found[1:]


def best_climate(m, years=800):
    """The direct nonlinear programme: shares that maximise welfare, by SciPy, the paths and the
    social cost of carbon in the first year, in dollars of a ton of CO2."""
    weight = np.sqrt(np.exp(-0.02 * np.arange(years)))
    scale = np.concatenate([weight, weight])
    split = lambda x: (x[:years] / weight, x[years:] / weight)
    loss = jax.jit(jax.value_and_grad(lambda x: -welfare(m, *split(x))[0]))
    start = scale * np.concatenate([np.full(years, 0.25), np.linspace(0.15, 1.0, years)])
    bounds = [(0.01 * w, 0.9 * w) for w in weight] + [(1e-3 * w, w) for w in weight]
    objective = lambda x: tuple(np.asarray(part, float) for part in loss(jnp.asarray(x)))
    options = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-16, "gtol": 1e-10, "maxcor": 50}
    x = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    saved, abated = split(jnp.asarray(x))
    k, air, warming, c = welfare(m, saved, abated)[1]
    lost = -jax.grad(lambda pulse: welfare(m, saved, abated, pulse)[0])(0.0)
    price = float(lost) * 0.010295 * 7_403 / float(c[0]) ** (-1 / m.psi) / 3.666
    return {"k": k, "air": air, "warming": warming, "consumption": c, "abatement": abated}, price
