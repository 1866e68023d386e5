"""Regression of y = theta . x + e by a network, and by least squares as the linear class
of the same risk.

    python examples/mlp_regression.py --help
    python examples/mlp_regression.py --width=64 --lr=0.01 --wandb_mode=disabled
"""

from typing import Literal

import jax
import jax.numpy as jnp
import jax.random as jr
import optax

import fesolve as fe


def fit(
    N: int = 500,
    M: int = 2,
    sigma: float = 0.0001,
    width: int = 128,
    lr: float = 0.001,
    num_epochs: int = 2000,
    batch_size: int = 512,
    seed: int = 42,
    wandb_project: str = "econ622_examples",
    wandb_mode: Literal["offline", "online", "disabled"] = "offline",
) -> dict[str, float]:
    """Regression of y = theta . x + e by a network.

    Args:
        N: number of observations
        M: number of regressors
        sigma: standard deviation of e
        width: units in each of two hidden layers
        lr: learning rate of Adam
        num_epochs: passes through the observations
        batch_size: observations in a step
        seed: of the data and of the weights
        wandb_project: where Weights & Biases keeps the run
        wandb_mode: offline, online or disabled
    """
    config = dict(locals())
    for_theta, for_train, for_test, for_weights, for_batches = jr.split(jr.key(seed), 5)
    theta = jr.normal(for_theta, (M,))

    def draw(key: jax.Array) -> fe.Data:
        for_x, for_e = jr.split(key)
        X = jr.normal(for_x, (N, M))
        return fe.Data(X, X @ theta + sigma * jr.normal(for_e, (N,)))

    train = fe.Risk(lambda f, x, y: f(x) - y, draw(for_train), tolerance=jnp.inf)
    test = train.on(draw(for_test))
    shape = {"width": width, "depth": 2, "activation": jax.nn.relu, "spread": 1.0}
    net = fe.MLP(M, "scalar", key=for_weights, **shape)
    solver = fe.Optax(optax.adam(lr), num_epochs=num_epochs, batch_size=batch_size)
    with fe.WandB(wandb_project, mode=wandb_mode, config=config, test_loss=test) as run:
        f = fe.solve(train, net, solver, key=for_batches, monitors=(run,)).value
        line = fe.solve(train, fe.Linear(M, use_bias=False)).value
        figures = {"train_loss": train(f), "test_loss": test(f), "ols_test_loss": test(line)}
        figures = {name: float(value) for name, value in figures.items()}
        run.log(**figures)
    return figures


if __name__ == "__main__":
    fe.experiment(fit)
