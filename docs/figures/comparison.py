"""Error against seconds of the processor, tool by tool: the runs of the tables on this page."""

import json
from pathlib import Path

import matplotlib.pyplot as plt


rows = json.loads(Path(__file__).with_suffix(".json").read_text())
problems = {
    "decay": "$f' = -f$",
    "logistic": "logistic",
    "van_der_pol": "Van der Pol",
    "layer": "boundary layer",
    "poisson": "Poisson",
    "heat": "heat",
}
tools = list(dict.fromkeys(row["tool"].split(",")[0] for row in rows))
colours = ("#1f2328", "#0072b2", "#d55e00", "#009e73", "#a368b8", "#c98a00", "#3fa7de")
looks = {tool: (colours[i % 7], "oshDv^P"[i % 7]) for i, tool in enumerate(tools)}
firsts = {tool: next(r["tool"] for r in rows if r["tool"].startswith(tool)) for tool in tools}
_, axes = plt.subplots(3, 2, figsize=(5.2, 7.4), sharex=True, sharey=True, layout="constrained")
for ax, (problem, title) in zip(axes.flat, problems.items()):
    for row in rows:
        if row["problem"] != problem or not row["cpu"]:
            continue
        tool = row["tool"].split(",")[0]
        colour, mark = looks[tool]
        line = "-" if row["tool"] == firsts[tool] else "--"
        errors = [max(e, 1e-16) for e in row["error"]]
        ax.loglog(row["cpu"], errors, line, marker=mark, color=colour, markersize=4, linewidth=1)
    ax.set_title(title, fontsize="medium")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.25)
    ax.set(xlim=(3e-4, 40), ylim=(1e-16, 10))
for ax in axes[-1]:
    ax.set_xlabel("seconds of the processor")
for ax in axes[:, 0]:
    ax.set_ylabel("largest error")
figure = axes.flat[0].figure
handles = [
    plt.Line2D([], [], color=colour, marker=mark, label=tool, markersize=5)
    for tool, (colour, mark) in looks.items()
]
handles += [
    plt.Line2D([], [], color="#1f2328", ls=s, label=w)
    for s, w in (("-", "first setting"), ("--", "second setting"))
]
figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize="small")
