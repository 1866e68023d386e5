"""Files: what was saved comes back, and what was not is explained."""

import hashlib
import io
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
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
    newer = json.dumps({**json.loads(line), "version": 3, "fesolve": "9.1"}).encode()
    explained(newer + b"\n" + payload, "format version 3, written by fesolve 9.1")
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


def scaled(factor):
    return lambda net, x: factor * net(x)


class Labelled(eqx.Module):
    weight: jax.Array
    rule: object = eqx.field(static=True)

    def __call__(self, x):
        return self.weight * x


def ansatz(transform):
    return fe.Ansatz(transform, fe.Series(fe.Chebyshev(2, (0.0, 1.0))))


class Power:
    def __init__(self, exponent):
        self.exponent = exponent


@pytest.mark.parametrize(
    ("saved", "like"),
    [
        (lambda: ansatz(lambda net, x: x * net(x)), lambda: ansatz(lambda net, x: x + net(x))),
        (lambda: ansatz(lambda net, x: 2.0 * net(x)), lambda: ansatz(lambda net, x: 3.0 * net(x))),
        (lambda: ansatz(scaled(2.0)), lambda: ansatz(scaled(3.0))),
        (lambda: ansatz(scaled(np.arange(9.0))), lambda: ansatz(scaled(np.ones(9)))),
        (lambda: Labelled(jnp.ones(()), Power(1)), lambda: Labelled(jnp.ones(()), Power(2))),
        (lambda: Labelled(jnp.ones(()), jnp.sin), lambda: Labelled(jnp.ones(()), jnp.cos)),
        (
            lambda: Labelled(jnp.ones(()), Power(np.zeros(5000))),
            lambda: Labelled(jnp.ones(()), Power(np.eye(1, 5000, 2500))),
        ),
        (
            lambda: jax.tree_util.Partial(jnp.add, jnp.ones(())),
            lambda: jax.tree_util.Partial(jnp.multiply, jnp.ones(())),
        ),
        (lambda: {1: jnp.ones(())}, lambda: {"1": jnp.ones(())}),
    ],
)
def test_another_function_is_refused(saved, like, path):
    fe.save(path, saved())
    assert fe.load(path, saved()) is not None
    with pytest.raises(ValueError, match="`like` does not fit the file"):
        fe.load(path, like())


def test_a_file_of_another_python_is_compared_by_names(path):
    fe.save(path, ansatz(scaled(2.0)))
    line, _, payload = path.read_bytes().partition(b"\n")
    other = {**json.loads(line), "python": "cpython-999"}
    path.write_bytes(json.dumps(other).encode() + b"\n" + payload)
    assert fe.load(path, ansatz(scaled(3.0))) is not None
    with pytest.raises(ValueError, match="`multiply`"):
        fe.load(path, ansatz(jnp.multiply))


def test_keys_of_a_dict_that_are_numbers(path):
    f = {2: jnp.full((), 2.0), 10: jnp.full((), 10.0)}
    fe.save(path, f)
    assert {name: float(value) for name, value in fe.load(path).items()} == {
        "f[2]": 2.0,
        "f[10]": 10.0,
    }


def test_only_regular_files_are_written(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    target = tmp_path / "target"
    target.write_text("kept")
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "broken").symlink_to(tmp_path / "nothing")
    cases = {
        "folder": "is a directory",
        "pipe": "is a pipe",
        "link": "symbolic link",
        "broken": "symbolic link",
    }
    for name, words in cases.items():
        with pytest.raises(ValueError, match=words):
            fe.save(tmp_path / name, jnp.zeros(2))
    for name in ("/dev/null", "/dev/full"):
        with pytest.raises(ValueError, match="is a device"):
            fe.save(name, jnp.zeros(2))
    with pytest.raises(ValueError, match="is a directory"):
        fe.save("", jnp.zeros(2))
    with pytest.raises(ValueError, match="is a pipe"):
        fe.load(tmp_path / "pipe")
    assert target.read_text() == "kept"
    assert {p.name for p in tmp_path.iterdir()} == {*cases, "target"}


def test_the_mode_of_a_file_is_kept(path):
    before = os.umask(0o027)
    try:
        fe.save(path, jnp.zeros(2))
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        for mode in (0o600, 0o604, 0o755):
            path.chmod(mode)
            fe.save(path, jnp.zeros(2))
            assert stat.S_IMODE(path.stat().st_mode) == mode
    finally:
        os.umask(before)


def test_a_name_as_long_as_the_system_allows(tmp_path):
    name = tmp_path / ("f" * 255)
    fe.save(name, jnp.zeros(2))
    assert [p.name for p in tmp_path.iterdir()] == [name.name]


@pytest.mark.parametrize("failing", ["write", "fsync"])
def test_a_full_disk_leaves_the_older_file(failing, path, monkeypatch):
    fe.save(path, jnp.ones(2))

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, full)
        with pytest.raises(OSError, match=r"could not write .*No space left.*older file is as it"):
            fe.save(path, jnp.zeros(2))
    np.testing.assert_array_equal(fe.load(path, jnp.zeros(2)), 1.0)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_threads_save_at_once(tmp_path):
    paths = [tmp_path / "same", tmp_path / "same", tmp_path / "same", tmp_path / "other"]
    failed = []

    def write(index):
        try:
            for _ in range(30):
                fe.save(paths[index], np.full(2000, float(index)))
                found = fe.load(paths[index], np.zeros(2000))
                assert np.ptp(found) == 0.0
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(index,)) for index in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not failed
    assert {p.name for p in tmp_path.iterdir()} == {"same", "other"}


def test_killed_saves_leave_one_file_at_most(path):
    script = """
        import os, signal, sys, numpy as np, fesolve as fe
        path = sys.argv[1]
        fe.save(path, np.ones(3))
        def killed(_): os.kill(os.getpid(), signal.SIGKILL)
        for _ in range(100):
            child = os.fork()
            if not child:
                os.fsync = killed
                fe.save(path, np.zeros(3))
            _, status = os.waitpid(child, 0)
            assert os.WTERMSIG(status) == signal.SIGKILL
        print(len(os.listdir(os.path.dirname(path))))
        assert fe.load(path, np.zeros(3)).sum() == 3
        # a process that goes on does not keep others from saving
        child = os.fork()
        if not child:
            os.fsync = lambda _: signal.pause()
            fe.save(path, np.zeros(3))
        fe.save(path, np.full(3, 2.0))
        fe.save(path, np.full(3, 2.0))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        fe.save(path, np.full(3, 2.0))
        print(len(os.listdir(os.path.dirname(path))))
    """
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["2", "1"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of a file's size")
def test_a_limit_on_the_size_of_files(path):
    script = """
        import resource, signal, sys, numpy as np, fesolve as fe
        fe.save(sys.argv[1], np.ones(3))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        try: fe.save(sys.argv[1], np.ones(100_000))
        except OSError as error: print(error)
        assert fe.load(sys.argv[1], np.zeros(3)).sum() == 3
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "could not write" in done.stdout
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert signal.SIGXFSZ


def _scrambled(rng, content):
    """One damaged file: bytes flipped, cut, inserted or repeated."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(0, len(data) + 1))
        match int(rng.integers(0, 4)):
            case 0:
                data[at : at + 1] = rng.bytes(1)
            case 1:
                del data[at:]
            case 2:
                data[at:at] = rng.bytes(int(rng.integers(1, 20)))
            case _:
                data[at:at] = data[: int(rng.integers(0, 50))]
    return bytes(data)


def _remade(rng, header):
    """A header with an entry of a wrong type or value somewhere."""
    wrong = [None, True, -1, 2.5, "text", [], {}, [1, [2]], {"class": 1}, 10**400, "\ud800", 1e400]
    node, path = header, []
    while isinstance(node, dict | list) and len(node):
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        path.append((node, keys[int(rng.integers(0, len(keys)))]))
        node = node[path[-1][1]]
        if rng.random() < 0.4:
            break
    node, name = path[-1]
    node[name] = wrong[int(rng.integers(0, len(wrong)))]
    return header


def test_whatever_is_in_a_file_a_sentence_says_so(path, getkey):
    f = Model(getkey())
    fe.save(path, f)
    content = path.read_bytes()
    line, _, payload = content.partition(b"\n")
    begin = b'{"format": "fesolve"'
    rng = np.random.default_rng(0)
    files = [_scrambled(rng, content) for _ in range(300)]
    for _ in range(300):
        header = _remade(rng, json.loads(line))
        # as whoever makes a file up would have it: with the checksum of what it says
        outline = json.dumps(header.get("outline")).encode()
        if rng.random() < 0.7:
            header["sha256"] = hashlib.sha256(outline + b"\n" + payload).hexdigest()
        files.append(json.dumps(header).encode() + b"\n" + payload)
    for depth in (200, 900, 20_000):
        for inside in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
            rest = b', "version": 2, "python": "", "bytes": 0, "sha256": "", "outline": '
            files.append(begin + rest + inside + b"}\n")
    files += [
        begin + b', "version": NaN}\n',
        begin + b', "version": ' + b"9" * 6000 + b"}\n",
        begin + b', "x": "\xff\xfe"}\n',
        begin + b"}",
        begin,
        begin + b"\n",
    ]
    for data in files:
        path.write_bytes(data)
        for like in (f, None):
            try:
                fe.load(path, like)
            except ValueError as error:
                assert str(path) in str(error)
                continue
            # what was changed is of no account, or only in a template
            header = json.loads(data.partition(b"\n")[0])
            assert header["outline"] == json.loads(line)["outline"] or like is None


@pytest.mark.parametrize("what", ["shape", "dtype", "more", "pickle", "huge"])
def test_arrays_that_are_not_what_the_header_says(what, path):
    fe.save(path, {"a": jnp.zeros(3), "b": jnp.zeros(3)})
    header = json.loads(path.read_bytes().partition(b"\n")[0])
    stream = io.BytesIO()
    np.save(stream, np.zeros(4 if what == "shape" else 3, np.float32 if what == "dtype" else float))
    if what == "pickle":
        np.save(stream, np.array([object], dtype=object))
    else:
        np.save(stream, np.zeros(3))
    payload = stream.getvalue() + (b"more" if what == "more" else b"")
    if what == "huge":
        payload = payload.replace(b"(3,)", b"(9999999999999,)"[:16])
    outline = json.dumps(header["outline"]).encode()
    header["bytes"] = len(payload)
    header["sha256"] = hashlib.sha256(outline + b"\n" + payload).hexdigest()
    path.write_bytes(json.dumps(header).encode() + b"\n" + payload)
    with pytest.raises(ValueError, match="are not what its header promises"):
        fe.load(path)
