"""One picture, and its names in three languages."""

import matplotlib.pyplot as plt
import numpy as np


x = np.linspace(0.0, 2.0, 201)
nodes = 1 - np.cos(np.pi * (np.arange(7) + 0.5) / 7)
_, ax = plt.subplots(figsize=(5.2, 4.2), layout="constrained")
ax.plot(x, np.exp(-x), color="#0072b2", linewidth=1.8)
ax.plot(nodes, np.zeros(7), "|", color="#d55e00", markersize=14, markeredgewidth=2)
ax.plot(0.0, 1.0, "s", color="#009e73", markersize=8)
look = {"fontsize": 9.5, "arrowprops": {"arrowstyle": "->", "color": "0.5"}}
ax.annotate(
    "policy or value function\nnumerical solution\npredictor",
    (0.7, np.exp(-0.7)),
    (0.95, 0.72),
    **look,
)
ax.annotate(
    "grid of states\ncollocation nodes\ntraining sample", (nodes[4], 0.02), (0.05, 0.2), **look
)
ax.annotate(
    "boundary or\ntransversality condition\nhard constraint", (0.03, 1.0), (0.3, 1.05), **look
)
ax.set(xlabel="state · point · input", ylabel="f(x)", xlim=(-0.06, 2.05), ylim=(-0.08, 1.28))
ax.spines[["top", "right"]].set_visible(False)
