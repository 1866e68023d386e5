"""The record of solves for Weights & Biases."""

from collections.abc import Mapping
from typing import Any, final

from .._show import line, Word, words
from ._recorder import AbstractRecorder


MODES = ("offline", "online", "disabled")


@final
class WandB(AbstractRecorder):
    """Writes the risk and further figures of each report to a run of Weights & Biases.

    ```python
    with fe.WandB("project", config={"lr": lr}, test_loss=test) as run:
        f = fe.solve(train, f, solver, key=key, monitors=(run,)).value
        run.log(error=error(f))            # final figures, in the summary of the same run
    ```

    **Arguments:**

    - `project`: the project.
    - `mode`: `"offline"`, where all stays on this machine until `wandb sync`; `"online"`, which
      needs a login; `"disabled"`.
    - `config`: the parameters of the run by their names.
    - `options`: further arguments of `wandb.init`, such as `{"group": "first"}`.
    - `**figures`: risks, or functions of f, that are evaluated at each report.

    **Raises:** `ValueError` for a figure that has no value, and for `"online"` without a login;
    `ImportError` without wandb.
    """

    def __init__(
        self,
        project: Any,
        *,
        mode: Any = "offline",
        config: Any = None,
        options: Any = None,
        **figures: Any,
    ) -> None:
        if not isinstance(project, str):
            raise ValueError(f"`project` of `fe.WandB` must be a text; got {project!r}")
        if mode not in MODES:
            raise ValueError(f"`mode` of `fe.WandB` must be one of {MODES}; got {mode!r}")
        for name, given in {"config": config, "options": options}.items():
            if given is not None and not isinstance(given, Mapping):
                raise ValueError(f"`{name}` of `fe.WandB` must be a dict; got {given!r}")
        self.project, self.mode, self.config = project, mode, dict(config or {})
        self.options = dict(options or {})
        self.run: Any = None
        self._take(figures)

    def __repr__(self) -> str:
        return line(self)

    def _open(self) -> None:
        try:
            import wandb
        except ImportError as error:
            raise ImportError("`fe.WandB` needs wandb: pip install 'fesolve[wandb]'") from error
        quiet = wandb.Settings(silent=True)
        given = {"settings": quiet, **self.options, "project": self.project, "mode": self.mode}
        if self.mode == "online" and not wandb.login(prompt=False, verify=False):
            raise ValueError(_NO_LOGIN)
        self.run = wandb.init(config=self.config, **given)

    def _close(self, well: bool) -> None:
        self.run.finish(exit_code=0 if well else 1)
        self.run = None

    def _write(self, step: int, seconds: float, numbers: dict[str, float | str]) -> None:
        self.run.log({"seconds": seconds, **numbers}, step=step, commit=True)

    def _finish(self, numbers: dict[str, float]) -> None:
        self.run.summary.update(numbers)


_NO_LOGIN = (
    '`fe.WandB(..., mode="online")` found no login to W&B: run `wandb login`, or set '
    '`WANDB_API_KEY`; or take `mode="offline"`, and `wandb sync` later'
)


@words.register
def _(monitor: WandB) -> list[Word]:
    shown = [Word(monitor.project), Word(monitor.mode, "mode")]
    return [*shown, *(Word(v, k) for k, v in monitor.figures.items())]
