"""Error against seconds on f' = -f: the figures of the table on this page."""

import matplotlib.pyplot as plt


measured = {
    "jinns, Adam": (13, 1e-4),
    "jinns, natural gradient": (25, 2e-6),
    "jinns, Adam and SSBroyden": (27, 1e-11),
    "DeepXDE, Adam": (18, 2e-4),
    "DeepXDE, Adam and L-BFGS": (99, 2e-5),
    "neurodiffeq": (16, 1e-4),
    "PINA": (10, 4e-4),
    "deep-macrofin": (8, 5e-3),
}
marks = "osDv^P*X"
colours = ("#0072b2", "#d55e00", "#009e73", "#a368b8", "#c98a00", "#3fa7de")
_, ax = plt.subplots(figsize=(5.2, 4.6), layout="constrained")
for i, (name, (seconds, error)) in enumerate(measured.items()):
    ax.loglog(seconds, error, marks[i], color=colours[i % 6], label=name, markersize=7)
ax.set(xlabel="seconds of a whole process, two cores", ylabel="largest error, f' = -f")
ax.set_ylim(1e-12, 1e-1)
ax.legend(frameon=False, fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2)
ax.spines[["top", "right"]].set_visible(False)
ax.grid(alpha=0.25)
