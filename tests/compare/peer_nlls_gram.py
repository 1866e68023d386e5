"""nlls-gram: Levenberg-Marquardt for residuals that the user discretises, here by a kernel and, as
anybody may, by a Chebyshev series."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from nlls_gram import LevenbergMarquardt, LMStatus, QR, RepeatedFactorMetric


jax.config.update("jax_enable_x64", True)
REQUIRES = ("nlls-gram",)
VERSIONS = ("nlls-gram", "jax")
WARM = True
SETTINGS = {
    "documented": "a kernel of 40 centres in a line and 12 x 12 in the plane, its Gram matrix as "
    "the metric, defaults otherwise, atol 1e-8",
    "best known": "a Chebyshev series of degree 32, 96 for van_der_pol and layer, 18 x 18 in the "
    "plane, steps by QR, atol 1e-12",
}
CANNOT: dict[str, str] = {}
D = jax.grad


def decay():
    return (0.0, 2.0), lambda f, x: D(f)(x) + f(x), lambda f: [f(0.0) - 1]


def logistic():
    return (0.0, 5.0), lambda f, x: D(f)(x) - f(x) * (1 - f(x)), lambda f: [f(0.0) - 0.1]


def van_der_pol():
    equation = lambda f, x: D(D(f))(x) - (1 - f(x) ** 2) * D(f)(x) + f(x)
    return (0.0, 10.0), equation, lambda f: [f(0.0) - 2, D(f)(0.0)]


def bratu():
    return (0.0, 1.0), lambda f, x: D(D(f))(x) + jnp.exp(f(x)), ends


def layer():
    return (0.0, 1.0), lambda f, x: -0.01 * D(D(f))(x) + D(f)(x) - 1, ends


def fold():
    return (0.0, 1.0), lambda f, x: D(D(f))(x) + 4 * jnp.exp(f(x)), ends


def missing():
    return (0.0, 2.0), lambda f, x: D(f)(x) + f(x), lambda f: []


def blow_up():
    return (0.0, 2.0), lambda f, x: D(f)(x) - f(x) ** 2, lambda f: [f(0.0) - 1]


def unstable():
    equation = lambda f, x: D(f)(x) - 10 * (f(x) - jnp.cos(x)) + jnp.sin(x)
    return (0.0, 3.0), equation, lambda f: [f(0.0) - 1]


def poisson():
    def equation(f, x):
        force = 2 * jnp.pi**2 * jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])
        return jnp.trace(jax.hessian(f)(x)) + force

    def edge(f):
        side = jnp.linspace(0, 1, 20)
        sides = [jnp.stack([0 * side + e, side], 1) for e in (0.0, 1.0)]
        points = jnp.concatenate([*sides, *(s[:, ::-1] for s in sides)])
        return 10 * jax.vmap(f)(points)

    return None, equation, edge


def heat():
    equation = lambda f, x: D(f)(x)[1] - jax.hessian(f)(x)[0, 0]

    def edge(f):
        side = jnp.linspace(0, 1, 20)
        walls = [jax.vmap(f)(jnp.stack([0 * side + e, side], 1)) for e in (0.0, 1.0)]
        start = jax.vmap(f)(jnp.stack([side, 0 * side], 1)) - jnp.sin(jnp.pi * side)
        return 10 * jnp.concatenate([*walls, start])

    return None, equation, edge


def ends(f):
    return [f(0.0), f(1.0)]


def kernel(x, y, length):
    return jnp.exp(-jnp.sum((x - y) ** 2) / (2 * length**2))


def by_kernel(box):
    """f(x) = sum of a_j k(x, c_j), points, and the metric of the coefficients."""
    if box is None:
        centres, length = grid(np.linspace(0, 1, 12)), 0.25
    else:
        centres, length = jnp.linspace(*box, 40), 0.1 * (box[1] - box[0])
    one = lambda x: jax.vmap(lambda c: kernel(x, c, length))(centres)
    gram = jax.vmap(one)(centres) + 1e-8 * jnp.eye(len(centres))
    metric = RepeatedFactorMetric(jnp.linalg.cholesky(gram, upper=True), repeats=1)
    return (lambda a: lambda x: one(x) @ a), centres, len(centres), metric


def by_series(box, degree):
    """f(x) = sum of a_j T_j(x), and Chebyshev's points."""
    lower, upper = (0.0, 1.0) if box is None else box
    nodes = 0.5 * (lower + upper) - 0.5 * (upper - lower) * jnp.cos(
        jnp.pi * (jnp.arange(degree + 1) + 0.5) / (degree + 1)
    )

    def basis(x):
        t = (2 * x - lower - upper) / (upper - lower)
        found = [jnp.ones_like(t), t]
        for _ in range(degree - 1):
            found.append(2 * t * found[-1] - found[-2])
        return jnp.stack(found)

    if box is not None:
        return (lambda a: lambda x: basis(x) @ a), nodes, degree + 1, None
    plane = lambda a: lambda x: basis(x[0]) @ a.reshape(degree + 1, -1) @ basis(x[1])
    return plane, grid(nodes), (degree + 1) ** 2, None


def grid(axis):
    return jnp.stack(jnp.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)


@functools.cache
def prepared(problem, best):
    """The solver, which a user keeps as well: it has the compiled program."""
    box, equation, conditions = globals()[problem]()
    if best:
        degree = 18 if box is None else 96 if problem in ("van_der_pol", "layer") else 32
        function, points, size, metric = by_series(box, degree)
    else:
        function, points, size, metric = by_kernel(box)

    def residual(a):
        f = function(a)
        inside = jax.vmap(lambda x: equation(f, x))(points)
        return jnp.concatenate([inside, jnp.asarray(conditions(f)).reshape(-1)])

    given = {"linear_solver": QR()} if best else {}
    return LevenbergMarquardt(residual, metric=metric, **given), function, jnp.zeros(size)


def solve(problem, setting, record):
    record.restart()
    best = setting == "best known"
    solver, function, start = prepared(problem, best)
    result = solver.solve(start, atol=1e-12 if best else 1e-8)
    f = jax.jit(jax.vmap(function(result.x)))
    status = LMStatus(int(result.status))
    words = f"{status.name}, sum of squares {float(result.info.loss):.1e}"
    curve = len(record.problem.box) == 1
    values = lambda x: f(jnp.asarray(x[:, 0] if curve else x))
    record(values, f"{int(result.steps)} steps", status == LMStatus.CONVERGED, words)
