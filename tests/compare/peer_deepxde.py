"""DeepXDE on PyTorch."""

import os


os.environ["DDE_BACKEND"] = "pytorch"

import deepxde as dde
import numpy as np
import torch


REQUIRES = ("deepxde", "torch")
VERSIONS = ("deepxde", "torch")
WARM = False
SETTINGS = {
    "documented": "as its demos: tanh 3 x 50, Glorot uniform, float32, 100 points in a line and "
    "400 in the plane, soft conditions, Adam at 1e-3, 10,000 steps",
    "best known": "the same network in float64, conditions hard, Adam for 2,000 steps, then L-BFGS "
    "until the time is up",
}
CANNOT: dict[str, str] = {}
STEPS, FIRST = 10_000, 2_000


def decay():
    equation = lambda x, f: dde.grad.jacobian(f, x) + f
    return line(equation, (0, 2), [(0, 1.0)], lambda x, n: 1 + x * n)


def logistic():
    equation = lambda x, f: dde.grad.jacobian(f, x) - f * (1 - f)
    return line(equation, (0, 5), [(0, 0.1)], lambda x, n: 0.1 + x * n)


def van_der_pol():
    def equation(x, f):
        slope, bend = dde.grad.jacobian(f, x), dde.grad.hessian(f, x)
        return bend - (1 - f**2) * slope + f

    speed = dde.icbc.OperatorBC(
        dde.geometry.Interval(0, 10), lambda x, f, _: dde.grad.jacobian(f, x), at(0)
    )
    return line(equation, (0, 10), [(0, 2.0)], lambda x, n: 2 + x**2 * n, [speed])


def bratu():
    equation = lambda x, f: dde.grad.hessian(f, x) + torch.exp(f)
    return line(equation, (0, 1), [(0, 0.0), (1, 0.0)], lambda x, n: x * (1 - x) * n)


def layer():
    equation = lambda x, f: -0.01 * dde.grad.hessian(f, x) + dde.grad.jacobian(f, x) - 1
    return line(equation, (0, 1), [(0, 0.0), (1, 0.0)], lambda x, n: x * (1 - x) * n)


def fold():
    equation = lambda x, f: dde.grad.hessian(f, x) + 4 * torch.exp(f)
    return line(equation, (0, 1), [(0, 0.0), (1, 0.0)], lambda x, n: x * (1 - x) * n)


def missing():
    return line(lambda x, f: dde.grad.jacobian(f, x) + f, (0, 2), [], lambda x, n: n)


def blow_up():
    equation = lambda x, f: dde.grad.jacobian(f, x) - f**2
    return line(equation, (0, 2), [(0, 1.0)], lambda x, n: 1 + x * n)


def unstable():
    equation = lambda x, f: dde.grad.jacobian(f, x) - 10 * (f - torch.cos(x)) + torch.sin(x)
    return line(equation, (0, 3), [(0, 1.0)], lambda x, n: 1 + x * n)


def poisson():
    def equation(x, f):
        force = 2 * np.pi**2 * torch.sin(np.pi * x[:, 0:1]) * torch.sin(np.pi * x[:, 1:2])
        bends = dde.grad.hessian(f, x, i=0, j=0) + dde.grad.hessian(f, x, i=1, j=1)
        return bends + force

    square = dde.geometry.Rectangle([0, 0], [1, 1])
    edge = dde.icbc.DirichletBC(square, lambda x: 0, lambda _, on: on)

    def hard(x, n):
        return x[:, 0:1] * (1 - x[:, 0:1]) * x[:, 1:2] * (1 - x[:, 1:2]) * n

    data = lambda soft: dde.data.PDE(square, equation, [edge] if soft else [], 400, 80)
    return data, hard, 2


def heat():
    def equation(x, f):
        return dde.grad.jacobian(f, x, i=0, j=1) - dde.grad.hessian(f, x, i=0, j=0)

    domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))
    walls = dde.icbc.DirichletBC(domain, lambda x: 0, lambda _, on: on)
    start = dde.icbc.IC(domain, lambda x: np.sin(np.pi * x[:, 0:1]), lambda _, on: on)
    wave = lambda x: torch.sin(np.pi * x[:, 0:1])

    def hard(x, n):
        return wave(x) + x[:, 0:1] * (1 - x[:, 0:1]) * x[:, 1:2] * n

    data = lambda soft: dde.data.TimePDE(
        domain, equation, [walls, start] if soft else [], 400, 80, 40
    )
    return data, hard, 2


def at(end):
    return lambda x, on: on and dde.utils.isclose(x[0], end)


def constant(v):
    return lambda x: v


def line(equation, box, values, hard, more=()):
    domain = dde.geometry.Interval(*box)
    conditions = [dde.icbc.DirichletBC(domain, constant(v), at(end)) for end, v in values]
    conditions += more
    data = lambda soft: dde.data.PDE(domain, equation, conditions if soft else [], 100, 2)
    return data, hard, 1


class Watch(dde.callbacks.Callback):
    """Hands an answer over now and then."""

    def __init__(self, record, every):
        super().__init__()
        self.record, self.every, self.last = record, every, 0

    def on_epoch_end(self):
        state = self.model.train_state
        if state.step - self.last >= self.every:
            self.last = state.step
            self.say()
            self.model.stop_training |= self.record.late

    def say(self):
        loss = sum(self.model.losshistory.loss_train[-1])
        kind = dde.config.real(np)
        predict = lambda x: self.model.predict(x.astype(kind))
        self.record(predict, f"{self.last:,} steps", words=f"loss {loss:.1e}")


def solve(problem, setting, record):
    dde.config.set_random_seed(0)
    best = setting == "best known"
    dde.config.set_default_float("float64" if best else "float32")
    data, hard, dimension = globals()[problem]()
    net = dde.nn.FNN([dimension] + [50] * 3 + [1], "tanh", "Glorot uniform")
    if best:
        net.apply_output_transform(hard)
    model = dde.Model(data(soft=not best), net)
    watch = Watch(record, 500)
    more = {"callbacks": [watch], "display_every": 500, "verbose": 0}
    model.compile("adam", lr=1e-3, verbose=0)
    model.train(iterations=FIRST if best else STEPS, **more)
    if best and not record.late:
        dde.optimizers.set_LBFGS_options(maxiter=100_000, gtol=0)
        model.compile("L-BFGS", verbose=0)
        model.train(**more)
        watch.last = model.train_state.step
        watch.say()
