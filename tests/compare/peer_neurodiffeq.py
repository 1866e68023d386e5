"""neurodiffeq, on PyTorch. Its conditions are always hard."""

import numpy as np
import torch
from neurodiffeq import diff
from neurodiffeq.conditions import (
    DirichletBVP2D,
    DoubleEndedBVP1D,
    IBVP1D,
    IVP,
    NoCondition,
)
from neurodiffeq.generators import Generator1D
from neurodiffeq.networks import FCNN
from neurodiffeq.solvers import Solver1D, Solver2D


REQUIRES = ("neurodiffeq",)
VERSIONS = ("neurodiffeq", "torch")
WARM = False
SETTINGS = {
    "documented": "defaults: tanh 2 x 32, Adam at 1e-3, 32 noisy points a step in a line and "
    "32 x 32 in the plane, float32; 3,000 steps, as its first example",
    "best known": "the same network in float64, 100 points at Chebyshev nodes in a line, Adam for "
    "2,000 steps, then PyTorch's L-BFGS until the time is up",
}
CANNOT: dict[str, str] = {}
STEPS, FIRST, EVERY = 3_000, 2_000, 250


def decay():
    return lambda f, x: [diff(f, x) + f], IVP(0.0, 1.0)


def logistic():
    return lambda f, x: [diff(f, x) - f * (1 - f)], IVP(0.0, 0.1)


def van_der_pol():
    equation = lambda f, x: [diff(f, x, order=2) - (1 - f**2) * diff(f, x) + f]
    return equation, IVP(0.0, 2.0, 0.0)


def bratu():
    return lambda f, x: [diff(f, x, order=2) + torch.exp(f)], ends()


def layer():
    return lambda f, x: [-0.01 * diff(f, x, order=2) + diff(f, x) - 1], ends()


def fold():
    return lambda f, x: [diff(f, x, order=2) + 4 * torch.exp(f)], ends()


def missing():
    return lambda f, x: [diff(f, x) + f], NoCondition()


def blow_up():
    return lambda f, x: [diff(f, x) - f**2], IVP(0.0, 1.0)


def unstable():
    equation = lambda f, x: [diff(f, x) - 10 * (f - torch.cos(x)) + torch.sin(x)]
    return equation, IVP(0.0, 1.0)


def poisson():
    def equation(f, x, y):
        force = 2 * np.pi**2 * torch.sin(np.pi * x) * torch.sin(np.pi * y)
        return [diff(f, x, order=2) + diff(f, y, order=2) + force]

    nothing = lambda _: 0.0
    return equation, DirichletBVP2D(0, nothing, 1, nothing, 0, nothing, 1, nothing)


def heat():
    equation = lambda f, x, t: [diff(f, t) - diff(f, x, order=2)]
    start, wall = lambda x: torch.sin(np.pi * x), lambda t: 0.0
    return equation, IBVP1D(0, 1, 0, start, x_min_val=wall, x_max_val=wall)


def ends():
    return DoubleEndedBVP1D(0.0, 1.0, x_min_val=0.0, x_max_val=0.0)


def solver(problem, box, best):
    equation, condition = globals()[problem]()
    if len(box) == 2:
        # the defaults of its generator are 32 x 32 points of this square
        net = FCNN(n_input_units=2)
        return Solver2D(equation, [condition], xy_min=(0, 0), xy_max=(1, 1), nets=[net]), net
    net = FCNN()
    given = {"train_generator": Generator1D(100, *box[0], method="chebyshev")} if best else {}
    return Solver1D(equation, [condition], *box[0], nets=[net], **given), net


def solve(problem, setting, record):
    torch.manual_seed(0)
    best = setting == "best known"
    torch.set_default_dtype(torch.float64 if best else torch.float32)
    tool, net = solver(problem, record.problem.box, best)

    def say():
        f = tool.get_solution(best=False)
        columns = lambda x: [torch.tensor(c, dtype=torch.get_default_dtype()) for c in x.T]
        values = lambda x: f(*columns(x), to_numpy=True)
        loss = tool.metrics_history["train_loss"][-1]
        return record(values, f"{tool.global_epoch:,} steps", words=f"loss {loss:.1e}")

    while tool.global_epoch < (FIRST if best else STEPS):
        tool.fit(EVERY, tqdm_file=None)
        if say():
            return
    if not best:
        return
    fine = {"max_iter": 20, "history_size": 50, "line_search_fn": "strong_wolfe"}
    tool.optimizer = torch.optim.LBFGS(net.parameters(), **fine)
    while True:
        tool.fit(10, tqdm_file=None)
        if say():
            return
