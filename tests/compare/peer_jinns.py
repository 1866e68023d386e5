"""jinns, on JAX."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jinns
import numpy as np
import optax
from jax.experimental import io_callback
from jinns.loss import ODE, PDENonStatio, PDEStatio
from jinns.validation import AbstractValidationModule


jax.config.update("jax_enable_x64", True)
REQUIRES = ("jinns",)
VERSIONS = ("jinns", "jax")
WARM = False
SETTINGS = {
    "documented": "as its first notebook: float64, tanh 2 x 20, 320 points, time scaled to "
    "[0, 1], natural gradient for 50 steps; 100 steps and 1,000 points in the plane",
    "best known": "the same network and points, Adam at 1e-3 for 500 steps, then its SSBroyden "
    "until the time is up",
}
CANNOT: dict[str, str] = {}
FIRST = 500


def decay():
    return initial(lambda f, df, x: df + f, 2.0, [1.0])


def logistic():
    return initial(lambda f, df, x: df - f * (1 - f), 5.0, [0.1])


def van_der_pol():
    def equation(f, df, x):
        return df - jnp.stack([f[1], (1 - f[0] ** 2) * f[1] - f[0]])

    return initial(equation, 10.0, [2.0, 0.0])


def missing():
    return initial(lambda f, df, x: df + f, 2.0, None)


def blow_up():
    return initial(lambda f, df, x: df - f**2, 2.0, [1.0])


def unstable():
    return initial(lambda f, df, x: df - 10 * (f - jnp.cos(x)) + jnp.sin(x), 3.0, [1.0])


def bratu():
    return boundary(lambda f, df, d2f: d2f + jnp.exp(f))


def layer():
    return boundary(lambda f, df, d2f: -0.01 * d2f + df - 1)


def fold():
    return boundary(lambda f, df, d2f: d2f + 4 * jnp.exp(f))


def poisson():
    class Equation(PDEStatio):
        def equation(self, x, u, params):
            force = 2 * jnp.pi**2 * jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])
            bends = jinns.loss.laplacian_rev(x, u, params, eq_type="PDEStatio")
            return jnp.reshape(bends + force, (1,))

    return at_rest(Equation(), 2, 1_000)


def heat():
    class Equation(PDENonStatio):
        def equation(self, t_x, u, params):
            speed = jax.grad(lambda t_x: u(t_x, params).squeeze())(t_x)[0:1]
            return speed - jinns.loss.laplacian_rev(t_x, u, params, eq_type="PDENonStatio")

    data = jinns.data.CubicMeshPDENonStatio(
        key=jax.random.PRNGKey(1),
        n=1_000,
        nb=2,
        ni=100,
        dim=1,
        min_pts=(0.0,),
        max_pts=(1.0,),
        tmin=0.0,
        tmax=1.0,
        method="uniform",
    )
    u, params = network("PDENonStatio", 2, 1)
    weights = jinns.loss.LossWeightsPDENonStatio(
        dyn_loss=1.0, initial_condition=1.0, boundary_loss=1.0
    )
    loss = jinns.loss.LossPDENonStatio(
        u=u,
        loss_weights=weights,
        dynamic_loss=Equation(),
        initial_condition_fun=lambda x: jnp.sin(jnp.pi * x[0]),
        boundary_condition=jinns.loss.Dirichlet(),
        params=params,
    )
    return loss, params, data, lambda p, x: u(x[::-1], p)[0]


def network(kind, inputs, outputs):
    layers = (
        (eqx.nn.Linear, inputs, 20),
        (jax.nn.tanh,),
        (eqx.nn.Linear, 20, 20),
        (jax.nn.tanh,),
        (eqx.nn.Linear, 20, outputs),
    )
    key = jax.random.PRNGKey(0)
    u, weights = jinns.nn.PINN_MLP.create(key=key, eqx_list=layers, eq_type=kind)
    return u, jinns.parameters.Params(nn_params=weights, eq_params={})


def initial(equation, horizon, start):
    class Equation(ODE):
        def equation(self, t, u, params):
            f = lambda t: u(t, params)
            return equation(f(t), jax.jacfwd(f)(t).reshape(-1) / self.Tmax, self.Tmax * t)

    data = jinns.data.DataGeneratorODE(
        key=jax.random.PRNGKey(1), nt=320, tmin=0, tmax=1, method="uniform"
    )
    u, params = network("ODE", 1, 1 if start is None else len(start))
    weight = None if start is None else 1.0
    weights = jinns.loss.LossWeightsODE(dyn_loss=1.0, initial_condition=weight)
    loss = jinns.loss.LossODE(
        u=u,
        loss_weights=weights,
        dynamic_loss=Equation(Tmax=horizon),
        initial_condition=None if start is None else (0.0, jnp.asarray(start)),
        params=params,
    )
    return loss, params, data, lambda p, x: u(x / horizon, p)[0]


def boundary(equation):
    class Equation(PDEStatio):
        def equation(self, x, u, params):
            f = lambda x: u(x[None], params)[0]
            slope = jax.grad(f)
            return equation(f(x[0]), slope(x[0]), jax.grad(slope)(x[0]))[None]

    return at_rest(Equation(), 1, 320)


def at_rest(equation, dimension, n):
    data = jinns.data.CubicMeshPDEStatio(
        key=jax.random.PRNGKey(1),
        n=n,
        nb=2 if dimension == 1 else 200,
        dim=dimension,
        min_pts=(0.0,) * dimension,
        max_pts=(1.0,) * dimension,
        method="uniform",
    )
    u, params = network("PDEStatio", dimension, 1)
    loss = jinns.loss.LossPDEStatio(
        u=u,
        loss_weights=jinns.loss.LossWeightsPDEStatio(dyn_loss=1.0, boundary_loss=1.0),
        dynamic_loss=equation,
        boundary_condition=jinns.loss.Dirichlet(),
        params=params,
    )
    return loss, params, data, lambda p, x: u(x, p)[0]


class Watch(AbstractValidationModule):
    """Hands an answer over now and then, and ends the run when time is up."""

    loss: jinns.loss.LossODE
    batch: object
    tell: object = eqx.field(static=True)
    call_every: int = eqx.field(kw_only=True)

    def __call__(self, params):
        value = self.loss.evaluate(params, self.batch)[0]
        late = io_callback(self.tell, jax.ShapeDtypeStruct((), bool), params, value, ordered=True)
        return self, late, value, late


def by_broyden():
    def callback_value_fn(params, batch, loss):
        return loss.evaluate(params, batch)[0]

    def callback_grad_fn(params, batch, loss):
        return loss.ponderate_and_sum_gradient(loss.values_and_grads(params, batch)[1])

    name = jinns.solver.GetJinnsVariableName
    return {
        "value": name("train_loss_value"),
        "grad_pt": name("grads"),
        "value_fn": callback_value_fn,
        "grad_fn": callback_grad_fn,
        "batch": name("batch"),
        "loss": name("loss"),
    }


def solve(problem, setting, record):
    loss, params, data, f = globals()[problem]()
    plane = len(record.problem.box) == 2
    f = jax.jit(jax.vmap(f, (None, 0)))
    done, every = 0, 0

    def tell(params, value):
        nonlocal done
        done += every
        values = lambda x: f(params, jnp.asarray(x))
        return np.asarray(record(values, f"{done:,} steps", words=f"loss {float(value):.1e}"))

    def train(params, optimizer, steps, pause, **more):
        nonlocal done, every
        done, every = done - pause, pause  # the first call is before the first step
        watch = Watch(loss=loss, batch=data.get_batch()[1], tell=tell, call_every=pause)
        given = {"init_params": params, "data": data, "loss": loss, "optimizer": optimizer}
        found = jinns.solve(n_iter=steps, validation=watch, verbose=False, **given, **more)
        return found[0]

    if setting == "documented":
        train(params, jinns.optimizers.vanilla_ngd(), 101 if plane else 51, 10)
        return
    params = train(params, optax.adam(1e-3), FIRST, 500)
    if not record.late:
        broyden = jinns.optimizers.scale_by_SSBroyden_family()
        train(params, broyden, 100_000, 100, extra_optax_args_and_kwargs=by_broyden())
