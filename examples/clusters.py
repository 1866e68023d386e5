# %% [markdown]
# # An embedding, clusters, and a regression
#
# Two rings around one centre: no line in the plane tells them apart. A graph of near neighbours
# does; its eigenvectors are an embedding in which the rings are two points (Belkin and Niyogi,
# 2003). Clusters are a risk, E min_j |x - c_j|^2, and what is regressed on them is linear.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)


n, levels, sigma = 300, np.array([1.0, 3.0]), 0.5
angle_key, ring_key, noise_key = jr.split(jr.key(0), 3)
ring = np.asarray(jr.bernoulli(ring_key, 0.5, (n,))).astype(int)
angle = np.asarray(jr.uniform(angle_key, (n,), maxval=2 * np.pi))
radius = np.array([1.0, 2.0])[ring]
X = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
Y = levels[ring] + sigma * np.asarray(jr.normal(noise_key, (n,)))

# %% [markdown]
# The embedding: eigenvectors of the Laplacian of the graph, the constant left out.

# %%
distances = np.sum((X[:, None] - X[None]) ** 2, axis=2)
near = distances <= np.sort(distances, axis=1)[:, [8]]
graph = np.maximum(near, near.T).astype(float)
scale = 1 / np.sqrt(graph.sum(axis=1))
values, vectors = np.linalg.eigh(np.eye(n) - scale[:, None] * graph * scale)
embedding = vectors[:, :2] * scale[:, None]
embedding = embedding / embedding.std()
print("eigenvalues", values[:4].round(4), "two of them zero: two components")

# %% [markdown]
# The clusters: centres that minimise the mean square distance to the nearest one.


# %%
def nearest(centres, x):
    distances = jnp.sum((centres - x[None]) ** 2, axis=1)
    return centres[jnp.argmin(distances)] - x


def centres_of(points, key):
    risk = fe.Risk(nearest, fe.Empirical(points), tolerance=jnp.inf)
    first = points[np.asarray(jr.choice(key, n, (2,), replace=False))]
    return min(
        (fe.solve(risk, jnp.asarray(first[::sign])).value for sign in (1, -1)),
        key=lambda centres: float(risk(centres)),
    )


def labels(points, centres):
    return np.argmin(np.sum((points[:, None] - np.asarray(centres)[None]) ** 2, axis=2), axis=1)


found = labels(embedding, centres_of(embedding, jr.key(1)))
plain = labels(X, centres_of(X, jr.key(1)))
agree = lambda label: max(np.mean(label == ring), np.mean(label != ring))
print(f"rings found: {agree(found):.0%} in the embedding, {agree(plain):.0%} in the plane")

# %% [markdown]
# The regression on the clusters, a series of indicators, and on the plane.

# %%
error = lambda f, x, y: f(x) - y
by_cluster = fe.Risk(error, fe.Data(found, Y), tolerance=jnp.inf)
f = fe.solve(by_cluster, fe.Series(fe.Indicator(2))).value
in_plane = fe.Risk(error, fe.Data(X, Y), tolerance=jnp.inf)
line = fe.solve(in_plane, fe.Linear(2)).value
print(f"levels {np.sort(f.coefficients)}, risk {float(by_cluster(f)):.3f}")
print(f"a plane has the risk {float(in_plane(line)):.3f}")

rows = [["plane", "clusters"], ["embedding", "embedding"]]
_, panels = plt.subplot_mosaic(rows, figsize=(5.2, 5.0), layout="constrained")
blue, vermilion = "#0072b2", "#d55e00"
for ax, title, points, label, size in (
    (panels["plane"], "clusters in the plane", X, plain, 3),
    (panels["embedding"], "the embedding: two points", embedding, found, 8),
    (panels["clusters"], "its clusters", X, found, 3),
):
    for i, shade in enumerate((blue, vermilion)):
        ax.plot(*points[label == i].T, "o", color=shade, markersize=size)
    ax.set_title(title, fontsize=10)
    ax.set_aspect("equal", "datalim")
    ax.set(xlabel="first coordinate", ylabel="second coordinate")

assert agree(found) == 1.0 and agree(plain) < 0.7
assert np.allclose(np.sort(f.coefficients), levels, atol=4 * sigma / np.sqrt(n / 2))
assert float(by_cluster(f)) < 1.2 * sigma**2 < 0.3 * float(in_plane(line))
