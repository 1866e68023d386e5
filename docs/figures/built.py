"""The rooms of the library, from the ground up."""

import matplotlib.pyplot as plt


floors = [
    ("operators, losses, monitors", "#3fa7de"),
    ("distributions p, hypotheses f", "#0072b2"),
    ("the risk R(f, p)", "#009e73"),
    ("least squares: residuals, Jacobians", "#c98a00"),
    ("the judge: how wrong is f?", "#d55e00"),
    ("solvers, and the verb solve", "#a368b8"),
    ("words of economics, reports, files", "#0072b2"),
    ("problems, figures, command line: users", "#3fa7de"),
]
_, ax = plt.subplots(figsize=(5.2, 4.2), layout="constrained")
for height, (name, colour) in enumerate(floors):
    ax.barh(height, 1.0, height=0.78, color=colour, alpha=0.28)
    ax.text(0.5, height, name, ha="center", va="center", fontsize=10.5)
    if height:
        ax.annotate(
            "",
            (0.5, height - 0.66),
            (0.5, height - 0.36),
            arrowprops={"arrowstyle": "->", "color": "0.5"},
        )
ax.set(ylim=(-0.5, len(floors) - 0.5))
ax.set_axis_off()
