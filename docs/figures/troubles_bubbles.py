"""Prices with and without a bubble: p' = r p - d holds for each of them."""

import jax
import jax.numpy as jnp

import fesolve as fe


jax.config.update("jax_enable_x64", True)
r, d = 0.05, 1.0
prices = {
    f"bubble of {100 * b:.0f} %": lambda t, b=b: d / r * (1 + b * jnp.exp(r * t))
    for b in (0.0, 0.01, 0.05)
}
prices = {"no bubble": prices.pop("bubble of 0 %"), **prices}
fe.plots.functions(prices, fe.Uniform(0.0, 50.0), coordinates=("t",)).set_ylabel("price")
