"""PINA, on PyTorch and Lightning."""

import logging

import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from pina import Condition, LabelTensor, Trainer
from pina.domain import CartesianDomain
from pina.equation import Equation
from pina.model import FeedForward
from pina.operator import grad, laplacian
from pina.optim import TorchOptimizer
from pina.problem import SpatialProblem
from pina.solver import PINN


REQUIRES = ("pina-mathlab",)
VERSIONS = ("pina-mathlab", "torch")
WARM = False
SETTINGS = {
    "documented": "as its first tutorial: tanh 3 x 20, 100 points in a line and 20 x 20 in the "
    "plane, Adam at its default 1e-3, 1,500 steps, float32",
    "best known": "tanh 3 x 32, the same points, float64, L-BFGS with a strong-Wolfe search until "
    "the time is up",
}
CANNOT: dict[str, str] = {}
STEPS = 1_500


def decay():
    return line(lambda x, f: slope(f, x) + f, (0.0, 2.0), {0.0: value(1.0)})


def logistic():
    return line(lambda x, f: slope(f, x) - f * (1 - f), (0.0, 5.0), {0.0: value(0.1)})


def van_der_pol():
    equation = lambda x, f: bend(f, x) - (1 - f**2) * slope(f, x) + f
    start = lambda x, f: torch.cat([f - 2.0, slope(f, x)], dim=-1)
    return line(equation, (0.0, 10.0), {0.0: start})


def bratu():
    return line(lambda x, f: bend(f, x) + torch.exp(f), (0.0, 1.0), ends())


def layer():
    return line(lambda x, f: -0.01 * bend(f, x) + slope(f, x) - 1, (0.0, 1.0), ends())


def fold():
    return line(lambda x, f: bend(f, x) + 4 * torch.exp(f), (0.0, 1.0), ends())


def missing():
    return line(lambda x, f: slope(f, x) + f, (0.0, 2.0), {})


def blow_up():
    return line(lambda x, f: slope(f, x) - f**2, (0.0, 2.0), {0.0: value(1.0)})


def unstable():
    equation = lambda x, f: slope(f, x) - 10 * (f - torch.cos(col(x))) + torch.sin(col(x))
    return line(equation, (0.0, 3.0), {0.0: value(1.0)})


def poisson():
    def equation(x, f):
        force = 2 * np.pi**2 * torch.sin(np.pi * col(x, 0)) * torch.sin(np.pi * col(x, 1))
        bends = laplacian(f, x, components=["f"], d=["x", "y"]).as_subclass(torch.Tensor)
        return bends + force

    return plane(equation, {side: value(0.0) for side in ("left", "right", "low", "high")})


def heat():
    def equation(x, f):
        slopes = grad(f, x, components=["f"], d=["y"]).as_subclass(torch.Tensor)
        return slopes - laplacian(f, x, components=["f"], d=["x"]).as_subclass(torch.Tensor)

    start = lambda x, f: f.as_subclass(torch.Tensor) - torch.sin(np.pi * col(x, 0))
    return plane(equation, {"left": value(0.0), "right": value(0.0), "low": start})


def col(x, i=0):
    return x.as_subclass(torch.Tensor)[:, i : i + 1]


def value(v):
    return lambda x, f: f.as_subclass(torch.Tensor) - v


def slope(f, x):
    return grad(f, x, components=["f"], d=["x"]).as_subclass(torch.Tensor)


def bend(f, x):
    return laplacian(f, x, components=["f"], d=["x"]).as_subclass(torch.Tensor)


def ends():
    return {0.0: value(0.0), 1.0: value(0.0)}


def plain(equation):
    return Equation(lambda x, f: equation(x, f))


def line(equation, box, conditions):
    places = {"inside": CartesianDomain({"x": list(box)})}
    places |= {f"at_{i}": CartesianDomain({"x": end}) for i, end in enumerate(conditions)}
    held = dict(zip(places, [equation, *conditions.values()]))
    return stated(places, held), {"inside": 100}


def plane(equation, conditions):
    sides = {
        "left": {"x": 0.0, "y": [0, 1]},
        "right": {"x": 1.0, "y": [0, 1]},
        "low": {"x": [0, 1], "y": 0.0},
        "high": {"x": [0, 1], "y": 1.0},
    }
    places = {"inside": CartesianDomain({"x": [0, 1], "y": [0, 1]})}
    places |= {side: CartesianDomain(sides[side]) for side in conditions}
    held = {"inside": equation, **conditions}
    return stated(places, held), {"inside": 20, **dict.fromkeys(conditions, 20)}


def stated(places, held):
    class Stated(SpatialProblem):
        output_variables = ["f"]  # noqa: RUF012
        spatial_domain = places["inside"]
        domains = places
        conditions = {  # noqa: RUF012
            name: Condition(domain=name, equation=plain(each)) for name, each in held.items()
        }

    return Stated()


class Watch(Callback):
    """Hands an answer over now and then."""

    def __init__(self, record, every):
        self.record, self.every = record, every

    def on_train_epoch_end(self, trainer, solver):
        done = trainer.current_epoch + 1
        if done % self.every and done < trainer.max_epochs:
            return
        loss = float(trainer.logged_metrics["train_loss"])
        names = ["x", "y"][: len(self.record.problem.box)]

        def values(x):
            points = torch.tensor(x, dtype=torch.get_default_dtype())
            with torch.no_grad():
                return solver(LabelTensor(points, names)).as_subclass(torch.Tensor).numpy()

        late = self.record(values, f"{done:,} steps", words=f"loss {loss:.1e}")
        trainer.should_stop = trainer.should_stop or late


def solve(problem, setting, record):
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.manual_seed(0)
    best = setting == "best known"
    torch.set_default_dtype(torch.float64 if best else torch.float32)
    stated, counts = globals()[problem]()
    for place, number in counts.items():
        stated.discretise_domain(number, "grid", domains=[place])
    for place in set(stated.conditions) - set(counts):
        stated.discretise_domain(1, "grid", domains=[place])
    size = 32 if best else 20
    net = FeedForward(len(record.problem.box), 1, inner_size=size, n_layers=3, func=torch.nn.Tanh)
    fine = {"max_iter": 20, "history_size": 50, "line_search_fn": "strong_wolfe"}
    descent = TorchOptimizer(torch.optim.LBFGS, **fine) if best else None
    trainer = Trainer(
        PINN(stated, net, optimizer=descent),
        max_epochs=100_000 if best else STEPS,
        accelerator="cpu",
        callbacks=[Watch(record, 10 if best else 100)],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        logger=False,
    )
    trainer.train()
