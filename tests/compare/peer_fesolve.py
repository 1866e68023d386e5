"""fesolve: series of a degree that the solver finds, and networks."""

import jax
import jax.numpy as jnp

import fesolve as fe


jax.config.update("jax_enable_x64", True)
REQUIRES = ("fesolve",)
VERSIONS = ("fesolve", "jax")
WARM = True
SETTINGS = {
    "series": "defaults: a Chebyshev series whose degree the solver finds; elements for "
    "van_der_pol; 20 x 20 in the plane",
    "network": "tanh 2 x 32 and as many points as the solver wants, 1 x 400 and 30 x 30 points in "
    "the plane; conditions soft, for van_der_pol hard",
}
CANNOT: dict[str, str] = {}
D = fe.derivative


def decay():
    return curve(lambda f, x: D(f)(x) + f(x), (0.0, 2.0), at(0.0, 1.0))


def logistic():
    return curve(lambda f, x: D(f)(x) - f(x) * (1 - f(x)), (0.0, 5.0), at(0.0, 0.1), spread=2.5)


def van_der_pol():
    def equation(f, x):
        return D(D(f))(x) - (1 - f(x) ** 2) * D(f)(x) + f(x)

    def start(f, x):
        return {"position": f(x) - 2, "speed": D(f)(x)}

    box = (0.0, 10.0)
    breaks = jnp.linspace(*box, 11)
    series = fe.Series(fe.SpectralElements(24, breaks, adaptive=True), start=2.0)
    net = fe.MLP(
        "scalar", "scalar", width=32, depth=2, support=box, spread=5.0, key=jax.random.key(0)
    )
    hard = fe.Ansatz(lambda net, x: 2 + x**2 * net(x), net)
    risk = fe.Risk(equation, fe.Uniform(*box)) + fe.Risk(start, fe.Dirac(0.0))
    return risk, {"series": series, "network": hard}


def bratu():
    return curve(lambda f, x: D(D(f))(x) + jnp.exp(f(x)), (0.0, 1.0), at(0.0) + at(1.0))


def layer():
    return curve(lambda f, x: -0.01 * D(D(f))(x) + D(f)(x) - 1, (0.0, 1.0), at(0.0) + at(1.0))


def fold():
    return curve(lambda f, x: D(D(f))(x) + 4 * jnp.exp(f(x)), (0.0, 1.0), at(0.0) + at(1.0))


def missing():
    return curve(lambda f, x: D(f)(x) + f(x), (0.0, 2.0))


def blow_up():
    return curve(lambda f, x: D(f)(x) - f(x) ** 2, (0.0, 2.0), at(0.0, 1.0))


def unstable():
    def equation(f, x):
        return D(f)(x) - 10 * (f(x) - jnp.cos(x)) + jnp.sin(x)

    return curve(equation, (0.0, 3.0), at(0.0, 1.0))


def poisson():
    def equation(f, x):
        force = 2 * jnp.pi**2 * jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])
        return fe.laplacian(f)(x) + force

    square = fe.Uniform([0.0, 0.0], [1.0, 1.0])
    edge = fe.Risk(lambda f, x: f(x), square.boundary())
    return plane(fe.Risk(equation, square) + 100.0 * edge)


def heat():
    def equation(f, x):
        return fe.gradient(f)(x)[1] - fe.hessian(f)(x)[0, 0]

    unit = fe.Uniform(0.0, 1.0)
    square = fe.Uniform([0.0, 0.0], [1.0, 1.0])
    start = fe.Risk(lambda f, x: f(x) - jnp.sin(jnp.pi * x[0]), fe.Product(unit, fe.Dirac(0.0)))
    walls = [fe.Risk(lambda f, x: f(x), fe.Product(fe.Dirac(end), unit)) for end in (0.0, 1.0)]
    return plane(fe.Risk(equation, square) + 100.0 * (start + walls[0] + walls[1]))


def at(x, value=0.0):
    return fe.Risk(lambda f, x: f(x) - value, fe.Dirac(x))


def curve(equation, box, conditions=None, spread=1.4):
    risk = fe.Risk(equation, fe.Uniform(*box))
    net = fe.MLP(
        "scalar", "scalar", width=32, depth=2, support=box, spread=spread, key=jax.random.key(0)
    )
    functions = {"series": fe.Series(fe.Chebyshev(None, box)), "network": net}
    return (risk if conditions is None else risk + conditions), functions


def plane(risk):
    basis = fe.Chebyshev(19, (0.0, 1.0))
    support = ([0.0, 0.0], [1.0, 1.0])
    sizes = {"width": 400, "depth": 1, "spread": 2.0}
    net = fe.MLP(2, "scalar", **sizes, support=support, key=jax.random.key(0))
    return risk.quadrature(30), {"series": fe.Series(fe.Tensor(basis, basis)), "network": net}


def solve(problem, setting, record):
    record.restart()
    risk, functions = globals()[problem]()
    solution = fe.solve(risk, functions[setting], key=jax.random.key(1), throw=False)
    f = jax.vmap(solution.value)
    curve = len(record.problem.box) == 1
    record(
        lambda x: f(jnp.asarray(x[:, 0] if curve else x)),
        "one solve",
        bool(solution.solved),
        fe.RESULTS[solution.result].split(":")[0],
    )
