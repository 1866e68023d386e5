"""Files: what was saved comes back, and what was not is explained."""

import json
import os
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


class Pair(NamedTuple):
    first: jax.Array
    second: jax.Array


class Model(eqx.Module):
    value: fe.Series
    net: eqx.nn.MLP
    price: jax.Array
    extra: dict
    pair: Pair
    label: str = eqx.field(static=True)

    def __init__(self, key, width=4, degree=3, label="one"):
        self.value = fe.Series(fe.Chebyshev(degree, (0.0, 2.0)), start=1.5)
        self.net = eqx.nn.MLP(2, "scalar", width, 2, jnp.tanh, key=key)
        self.price = jr.normal(key)
        self.extra = {"b": 3, "a": np.arange(3.0), "flag": True}
        self.pair = Pair(jr.normal(key, (2,)), jnp.arange(3, dtype=jnp.int8))
        self.label = label


HYPOTHESES = {
    "series": lambda key: fe.Series(fe.Chebyshev(5, (0.0, 1.0)), start=2.0),
    "tensor": lambda key: fe.Series(
        fe.Tensor(k=fe.Chebyshev(2, (0.0, 1.0)), z=fe.Indicator(3)), out_size=2
    ),
    "elements": lambda key: fe.Series(fe.SpectralElements(4, np.linspace(0, 1, 4))),
    "mlp": lambda key: fe.MLP(1, "scalar", width=4, depth=2, support=(0.0, 1.0), key=key),
    "compose": lambda key: fe.Compose(
        eqx.nn.Linear(3, "scalar", key=key), fe.freeze(eqx.nn.MLP(2, 3, 4, 1, key=key))
    ),
    "ansatz": lambda key: fe.Ansatz(
        lambda net, x: x * net(x), eqx.nn.MLP("scalar", "scalar", 4, 1, key=key)
    ),
    "model": Model,
    "float32": lambda key: fe.Series(fe.Chebyshev(5, (0.0, 1.0)), dtype=jnp.float32),
    "bfloat16": lambda key: {"w": jr.normal(key, (3,), jnp.bfloat16)},
    "array": lambda key: jr.normal(key, (2, 3)),
    "partial": lambda key: jax.tree_util.Partial(jnp.add, jr.normal(key)),
}


def moved(f):
    """f with other numbers of the same types."""

    def move(x):
        if isinstance(x, np.ndarray):
            return np.asarray(x + 1)
        return x + 1 if eqx.is_array(x) else x

    return jax.tree.map(move, f)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "f.fe"


@pytest.mark.parametrize("name", HYPOTHESES)
def test_what_was_saved_comes_back(name, path, getkey):
    make = HYPOTHESES[name]
    like = make(getkey())
    f = moved(make(getkey()))
    fe.save(path, f)
    found = fe.load(path, like)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(f), strict=True):
        if eqx.is_array_like(a):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
            assert type(a) is type(b)


def test_a_solution_goes_on_as_it_was(path):
    risk = fe.Risk(lambda f, x: jax.grad(f)(x) + f(x), fe.Uniform(0.0, 1.0)) + fe.Risk(
        lambda f, x: f(x) - 1.0, fe.Dirac(0.0)
    )
    start = fe.Series(fe.Chebyshev(12, (0.0, 1.0)))
    f = fe.solve(risk.quadrature(32), start).value
    fe.save(str(path), f)
    again = fe.load(str(path), like=eqx.filter_eval_shape(lambda: start))
    assert again(0.3) == f(0.3)
    assert risk.quadrature(32)(again) == risk.quadrature(32)(f)


def test_without_a_template_the_arrays_come_back(path, getkey):
    f = Model(getkey())
    fe.save(path, f)
    arrays = fe.load(path)
    assert set(arrays) >= {
        "f.value.coefficients",
        "f.value.basis.lower",
        "f.net.layers[0].weight",
        "f.price",
        "f.extra['a']",
        "f.extra['b']",
        "f.pair[1]",
    }
    np.testing.assert_array_equal(arrays["f.net.layers[2].bias"], f.net.layers[2].bias)
    np.testing.assert_array_equal(arrays["f.extra['a']"], [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(arrays["f.pair[1]"], f.pair.second)
    assert arrays["f.extra['b']"] == 3
    weights = jr.normal(getkey(), (3,), jnp.bfloat16)
    fe.save(path, {"w": weights})
    np.testing.assert_array_equal(fe.load(path)["f['w']"], weights)


def test_an_older_file_is_replaced_as_a_whole(path, getkey, monkeypatch):
    fe.save(path, jnp.zeros(2))
    fe.save(path, jnp.ones(2))
    np.testing.assert_array_equal(fe.load(path, jnp.zeros(2)), 1.0)

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        fe.save(path, jnp.full(2, 5.0))
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    np.testing.assert_array_equal(fe.load(path, jnp.zeros(2)), 1.0)


@pytest.mark.parametrize(
    ("like", "words"),
    [
        (lambda key: Model(key, degree=4), r"`f\.value\.basis\.degree` is 3 in the file, and 4"),
        (
            lambda key: Model(key, width=5),
            r"`f\.net\.width_size` is 4 in the file, and 5 in `like`",
        ),
        (lambda key: Model(key, label="two"), r"`f\.label` is 'one' in the file, and 'two'"),
        (
            lambda key: eqx.tree_at(lambda m: m.price, Model(key), jnp.zeros(3)),
            r"`f\.price` is an array of float64 of shape \(\) in the file, and an array of "
            r"float64 of shape \(3,\)",
        ),
        (
            lambda key: eqx.tree_at(lambda m: m.price, Model(key), jnp.float32(0.0)),
            r"float64.*float32.*jax_enable_x64",
        ),
        (
            lambda key: eqx.tree_at(lambda m: m.extra, Model(key), {"b": 3, "a": np.arange(3.0)}),
            r"`f\.extra\['flag'\]` is in the file, and not in `like`",
        ),
        (
            lambda key: eqx.tree_at(
                lambda m: m.net, Model(key), eqx.nn.MLP(2, "scalar", 4, 2, jax.nn.relu, key=key)
            ),
            r"`f\.net\.activation` is `tanh` in the file, and `relu` in `like`",
        ),
        (lambda key: Model(key).value, r"f is a `Model` in the file, and a `Series` in `like`"),
        (lambda key: [Model(key)], r"f is a `Model` in the file, and a list of 1 in `like`"),
        (
            lambda key: eqx.tree_at(lambda m: m.price, Model(key), 0.0),
            r"`f\.price` is an array .* and a Python float in `like`",
        ),
    ],
)
def test_a_template_that_does_not_fit(like, words, path, getkey):
    fe.save(path, Model(getkey()))
    with pytest.raises(ValueError, match=words) as raised:
        fe.load(path, like(getkey()))
    assert str(raised.value).startswith(f"`like` does not fit the file {str(path)!r}")


def test_damaged_files(path, getkey):
    f = Model(getkey())
    fe.save(path, f)
    content = path.read_bytes()
    line, _, payload = content.partition(b"\n")

    def explained(data, words):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=words) as raised:
            fe.load(path, f)
        assert str(path) in str(raised.value)

    explained(b"", "is empty")
    explained(b"\x93NUMPY whatever", "was not written by `fe.save`")
    explained(content[:40], "cut short: its first line")
    explained(line.replace(b"{", b"[", 2) + b"\n" + payload, "was not written by")
    explained(line[:-1] + b"\n" + payload, "is damaged: its first line")
    explained(content[:-7], f"cut short: it holds {len(payload) - 7:,} bytes")
    explained(content + b"more", "is damaged: it holds")
    flipped = bytearray(content)
    flipped[-20] ^= 1
    explained(bytes(flipped), "damaged: its content does not have the checksum")
    explained(content.replace(b'"tanh"', b'"sinh"', 1), "checksum")
    header = json.loads(line)
    del header["sha256"]
    explained(json.dumps(header).encode() + b"\n" + payload, "its header has no 'sha256'")
    newer = json.dumps({**json.loads(line), "version": 2, "fesolve": "9.1"}).encode()
    explained(newer + b"\n" + payload, "format version 2, written by fesolve 9.1")
    path.write_bytes(content)
    assert eqx.tree_equal(fe.load(path, f).value, f.value)


def test_nothing_is_pickled(path):
    with pytest.raises(ValueError, match=r"`f\['x'\]` is a NumPy array of Python objects"):
        fe.save(path, {"x": np.array([object()])})
    assert not path.exists()


def test_missing_folder_and_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        fe.save(tmp_path / "nowhere" / "f.fe", jnp.zeros(2))
    with pytest.raises(FileNotFoundError):
        fe.load(tmp_path / "f.fe", jnp.zeros(2))


def test_traced_values_are_refused(path):
    with pytest.raises(ValueError, match=r"traced values: call `fe\.save` outside"):
        jax.jit(lambda x: fe.save(path, {"x": x}))(1.0)
