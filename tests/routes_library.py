"""Routes through modules, NumPy, JAX and the standard library: see `routes.py`."""

from routes import table


MODULES = table("""
## a module
m = types.ModuleType("m"); m.b = 0.5
def residual(f, x): return f(x) - m.b
->
m.b = 0.25
## a module in a module
m = types.ModuleType("m"); m.inner = types.ModuleType("m.inner"); m.inner.b = 0.5
def residual(f, x): return f(x) - m.inner.b
->
m.inner.b = 0.25
## a module under another name
m = types.ModuleType("m"); m.b = 0.5
def residual(f, x):
    other = m
    return f(x) - other.b
->
m.b = 0.25
## a module in the closure
m = types.ModuleType("m"); m.b = 0.5
def outer(m): return lambda f, x: f(x) - m.b
residual = outer(m)
->
m.b = 0.25
## a module in a dict
m = types.ModuleType("m"); m.b = 0.5; items = {"m": m}
def residual(f, x): return f(x) - items["m"].b
->
m.b = 0.25
## a computed name of a module
m = types.ModuleType("m"); m.b = 0.5
def residual(f, x): return f(x) - getattr(m, "".join(["b"]))
->
m.b = 0.25
## a module that is imported inside
m = types.ModuleType("m_imported_inside"); m.b = 0.5; sys.modules["m_imported_inside"] = m
def residual(f, x):
    import m_imported_inside
    return f(x) - m_imported_inside.b
->
m.b = 0.25
## a module that is imported inside, under another name
m = types.ModuleType("m_imported_as"); m.b = 0.5; sys.modules["m_imported_as"] = m
def residual(f, x):
    import m_imported_as as k
    return f(x) - k.b
->
m.b = 0.25
## a module that is imported inside and handed on
m = types.ModuleType("m_handed_on"); m.b = 0.5; sys.modules["m_handed_on"] = m
def level(k): return k.b
def residual(f, x):
    import m_handed_on as k
    return f(x) - level(k)
->
m.b = 0.25
## a name that is imported inside
m = types.ModuleType("m_name_inside"); m.b = 0.5; sys.modules["m_name_inside"] = m
def residual(f, x):
    from m_name_inside import b
    return f(x) - b
->
m.b = 0.25
## a module in a package that is imported inside
p = types.ModuleType("p_inside"); p.m = types.ModuleType("p_inside.m"); p.__path__ = []; p.m.b = 0.5
sys.modules["p_inside"] = p; sys.modules["p_inside.m"] = p.m
def residual(f, x):
    import p_inside.m
    return f(x) - p_inside.m.b
->
p.m.b = 0.25
## a module from a package, imported inside
p = types.ModuleType("q_inside"); p.__path__ = []; m = types.ModuleType("q_inside.m"); m.b = 0.5
sys.modules["q_inside"] = p; sys.modules["q_inside.m"] = m
def residual(f, x):
    from q_inside import m as k
    return f(x) - k.b
->
m.b = 0.25
## a function of a module that reads its own global
m = types.ModuleType("m"); exec("b = 0.5\\ndef level(): return b", vars(m))
def residual(f, x): return f(x) - m.level()
->
m.b = 0.25
## a module that is replaced
m = types.ModuleType("m"); m.b = 0.5
def residual(f, x): return f(x) - m.b
->
m = types.ModuleType("m"); m.b = 0.25
## a module that is loaded again
m = types.ModuleType("m"); exec("def level(): return 0.5", vars(m))
def residual(f, x): return f(x) - m.level()
->
exec("def level(): return 0.25", vars(m))
## a module that answers for what it lacks
m = types.ModuleType("m"); exec("b = 0.5\\ndef __getattr__(name): return b", vars(m))
def residual(f, x): return f(x) - m.level
->
m.b = 0.25
## a module of a class of its own
class M(types.ModuleType):
    @property
    def level(self): return beta
m = M("m")
def residual(f, x): return f(x) - m.level
## an attribute of a module of a class of its own
class M(types.ModuleType): pass
m = M("m"); m.b = 0.5
def residual(f, x): return f(x) - m.b
->
m.b = 0.25
## a user's module with a standard name
m = types.ModuleType("statistics"); m.b = 0.5; sys.modules["colorsys"] = m
m.__file__ = "/home/me/statistics.py"
exec("def mean(): return b", vars(m))
def residual(f, x): return f(x) - m.mean()
->
m.b = 0.25
## a user's module in the place of a standard one
m = types.ModuleType("this"); m.__file__ = "/home/me/this.py"; exec("b = 0.5\\ndef level(): return b", vars(m))
sys.modules["this"] = m
def residual(f, x):
    from this import level
    return f(x) - level()
->
m.b = 0.25
## a model in an installed package
m = types.ModuleType("a_model_of_tests"); m.__file__ = np.__file__.replace("numpy", "a_model_of_tests")
sys.modules["a_model_of_tests"] = m
exec("b = 0.5\\nclass Model:\\n    def level(self): return b", vars(m))
p = m.Model()
def residual(f, x): return f(x) - p.level()
->
m.b = 0.25
## a number that is put into a library
np.a_level_of_tests = 0.5
def residual(f, x): return f(x) - np.a_level_of_tests
->
np.a_level_of_tests = 0.25
## a function that is put into a library
def level(): return beta
jnp.a_level_of_tests = level
def residual(f, x): return f(x) - jnp.a_level_of_tests()
## a function of a library that is replaced
import scipy.special
def residual(f, x): return f(x) - scipy.special.a_level_of_tests(0.0)
scipy.special.a_level_of_tests = lambda y: y + 0.5
->
scipy.special.a_level_of_tests = lambda y: y + 0.25
## an attribute of a function of a library
def residual(f, x): return f(x) - math.sqrt(table[0])
table = [0.25]
->
table[0] = 0.0625
""")

JAX = table("""
## a NumPy array
a = np.array([0.5])
def residual(f, x): return f(x) - a[0]
->
a[0] = 0.25
## a large NumPy array
a = np.zeros(20_000); a[10_000] = 0.5
def residual(f, x): return f(x) - a[10_000]
->
a[10_000] = 0.25
## a view of a NumPy array
under = np.full(4, 0.5); a = under[::2]
def residual(f, x): return f(x) - a[1]
->
under[2] = 0.25
## an array of objects
a = np.array([[0.5], None], dtype=object)
def residual(f, x): return f(x) - a[0][0]
->
a[0][0] = 0.25
## a NumPy number
a = np.float64(0.5)
def residual(f, x): return f(x) - a
->
a = np.float64(0.25)
## a dtype
a = np.dtype("float64")
def residual(f, x): return f(x) - (0.5 if a == np.dtype("float64") else 0.25)
->
a = np.dtype("float32")
## an attribute of a subclass of an array
class A(np.ndarray): pass
a = np.zeros(1).view(A); a.b = 0.5
def residual(f, x): return f(x) - a.b
->
a.b = 0.25
## a masked array
a = np.ma.array([0.5, 0.25], mask=[False, True])
def residual(f, x): return f(x) - float(a.sum())
->
a.mask = [True, False]
## a record array
a = np.rec.array([(0.5,)], dtype=[("b", float)])
def residual(f, x): return f(x) - a.b[0]
->
a.b[0] = 0.25
## a JAX array
a = jnp.asarray([0.5])
def residual(f, x): return f(x) - a[0]
->
a = jnp.asarray([0.25])
## a large JAX array
a = jnp.full(20_000, 0.5)
def residual(f, x): return f(x) - a[0]
->
a = jnp.full(20_000, 0.25)
## a weak type
a = jnp.ones(())
def residual(f, x): return f(x) - (0.25 if jax.typeof(a).weak_type else 0.5)
->
a = jax.jit(lambda y: y)(1.0)
## a vectorised function
level = np.vectorize(lambda y: y * beta)
def residual(f, x): return f(x) - float(level(1.0))
## vmap
level = jax.vmap(lambda y: y * beta)
def residual(f, x): return f(x) - level(jnp.ones(1))[0]
## grad
level = jax.grad(lambda y: y * beta)
def residual(f, x): return f(x) - level(1.0)
## jit
@jax.jit
def level(y): return y * beta
def residual(f, x): return f(x) - level(1.0)
## jit of jit
@jax.jit
def inner(y): return y * beta
level = jax.jit(inner)
def residual(f, x): return f(x) - level(1.0)
## jit of a method
class P:
    b = 0.5
    @functools.partial(jax.jit, static_argnums=0)
    def level(self, y): return y * beta
p = P()
def residual(f, x): return f(x) - p.level(1.0)
## jit of Equinox
@eqx.filter_jit
def level(y): return y * beta
def residual(f, x): return f(x) - level(jnp.ones(()))
## a jitted residual
@jax.jit
def level(y): return y - beta
def residual(f, x): return level(f(x))
## checkpoint
@jax.checkpoint
def level(y): return y * beta
def residual(f, x): return f(x) - level(1.0)
## a rule of differentiation
square = jax.custom_jvp(lambda y: y)
@square.defjvp
def rule(primals, tangents): return primals[0], beta * tangents[0]
def residual(f, x): return f(x) - jax.grad(square)(1.0)
## a function with a rule of differentiation
@jax.custom_jvp
def level(y): return y * beta
level.defjvp(lambda p, t: (p[0], t[0]))
def residual(f, x): return f(x) - level(1.0)
## a rule of transposition
@jax.custom_vjp
def level(y): return y
level.defvjp(lambda y: (y, None), lambda _, g: (g * beta,))
def residual(f, x): return f(x) - jax.grad(level)(1.0)
## a rule of Equinox
@eqx.filter_custom_vjp
def level(y): return y * beta
@level.def_fwd
def fwd(perturbed, y): return y * beta, None
@level.def_bwd
def bwd(r, g, perturbed, y): return g
def residual(f, x): return f(x) - level(jnp.ones(()))
## scan
def body(c, x): return c - beta, None
def residual(f, x): return jax.lax.scan(body, f(x), jnp.zeros(1))[0]
## scan of a partial
body = functools.partial(lambda k, c, x: (c - beta, None), 1)
def residual(f, x): return jax.lax.scan(body, f(x), jnp.zeros(1))[0]
## scan of an object
class Body:
    def __call__(self, c, x): return c - beta, None
body = Body()
def residual(f, x): return jax.lax.scan(body, f(x), jnp.zeros(1))[0]
## cond
def yes(y): return y - beta
def no(y): return y
def residual(f, x): return jax.lax.cond(f(x) > 0, yes, no, f(x))
## switch
def yes(y): return y - beta
def residual(f, x): return jax.lax.switch((f(x) < 0).astype(int), [yes, yes], f(x))
## a while loop
def body(c): return c[0] - beta, c[1] + 1
def goes_on(c): return c[1] < 1
def residual(f, x): return jax.lax.while_loop(goes_on, body, (f(x), 0))[0]
## a loop
def body(i, y): return y - beta
def residual(f, x): return jax.lax.fori_loop(0, 1, body, f(x))
## expectation
law = fe.Empirical(np.array([0.0, 0.0]))
def level(e): return e + beta
def residual(f, x): return f(x) - fe.expectation(level, law)
## a function that remembers
@functools.cache
def level(y): return y * beta
def residual(f, x): return f(x) - level(1.0)
->
beta = 0.25; level.cache_clear()
## what a function remembers
class P: pass
@functools.cache
def model():
    p = P(); p.b = 0.5
    return p
def residual(f, x): return f(x) - model().b
->
model().b = 0.25
## what a function remembers for some
class P: pass
@functools.lru_cache(maxsize=4)
def model(n):
    p = P(); p.b = 0.5
    return p
def residual(f, x): return f(x) - model(1).b
->
model(1).b = 0.25
## a distribution in the closure
law = fe.Uniform(0.0, 1.0)
def residual(f, x): return f(x) - law.upper / 2
->
law = fe.Uniform(0.0, 0.5)
## a configuration of JAX
def residual(f, x): return f(x) - (0.5 if jax.config.jax_debug_nans else 0.25)
jax.config.update("jax_debug_nans", True)
->
jax.config.update("jax_debug_nans", False)
## a tree structure
a = jax.tree.structure((1, 2))
def residual(f, x): return f(x) - 1 / a.num_leaves
->
a = jax.tree.structure((1, 2, 3, 4))
## an optimiser in the closure
import optax
opt = optax.sgd(0.5)
def residual(f, x): return f(x) + opt.update(1.0, opt.init(0.0))[0]
->
opt = optax.sgd(0.25)
""")

OPAQUE = table(
    """
## globals()
def residual(f, x): return f(x) - globals()["beta"]
## vars()
class P: pass
p = P(); p.b = 0.5
def residual(f, x): return f(x) - vars(p)["b"]
->
p.b = 0.25
## eval
def residual(f, x): return f(x) - eval("beta")
## exec
def residual(f, x):
    found = {}
    exec("b = beta", globals(), found)
    return f(x) - found["b"]
## eval by a helper
def level(text): return eval(text)
def residual(f, x): return f(x) - level("beta")
## the globals of a function
def residual(f, x): return f(x) - residual.__globals__["beta"]
## the globals of a function, by name
def residual(f, x): return f(x) - getattr(residual, "__globals__")["beta"]
## the subclasses of a class
class P: b = 0.5
class Q(P): b = 0.5
def residual(f, x): return f(x) - P.__subclasses__()[-1].b
->
class R(P): b = 0.25
## annotations
class P: pass
P.__annotations__["b"] = 0.5
def residual(f, x): return f(x) - P.__annotations__["b"]
->
P.__annotations__["b"] = 0.25
## the environment
os.environ["A_LEVEL_OF_TESTS"] = "0.5"
def residual(f, x): return f(x) - float(os.environ["A_LEVEL_OF_TESTS"])
->
os.environ["A_LEVEL_OF_TESTS"] = "0.25"
## the environment by a function
os.environ["A_LEVEL_OF_TESTS"] = "0.5"
def residual(f, x): return f(x) - float(os.getenv("A_LEVEL_OF_TESTS"))
->
os.environ["A_LEVEL_OF_TESTS"] = "0.25"
## the environment under another name
os.environ["A_LEVEL_OF_TESTS"] = "0.5"; environment = os.environ
def residual(f, x): return f(x) - float(environment["A_LEVEL_OF_TESTS"])
->
os.environ["A_LEVEL_OF_TESTS"] = "0.25"
## the environment by an import inside
os.environ["A_LEVEL_OF_TESTS"] = "0.5"
def residual(f, x):
    import os as system
    return f(x) - float(system.environ["A_LEVEL_OF_TESTS"])
->
os.environ["A_LEVEL_OF_TESTS"] = "0.25"
## sys.modules
m = types.ModuleType("m"); m.b = 0.5; sys.modules["m_of_sys"] = m
def residual(f, x): return f(x) - sys.modules["m_of_sys"].b
->
m.b = 0.25
## importlib
import importlib
m = types.ModuleType("m"); m.b = 0.5; sys.modules["m_of_lib"] = m
def residual(f, x): return f(x) - importlib.import_module("m_of_lib").b
->
m.b = 0.25
## __import__
m = types.ModuleType("m"); m.b = 0.5; sys.modules["m_of_import"] = m
def residual(f, x): return f(x) - __import__("m_of_import").b
->
m.b = 0.25
## a frame
def residual(f, x): return f(x) - sys._getframe().f_globals["beta"]
## inspect
import inspect
def residual(f, x): return f(x) - dict(inspect.getmembers(P))["b"]
class P: b = 0.5
->
P.b = 0.25
## a file
import tempfile
path = tempfile.mkstemp()[1]
def write(text):
    with open(path, "w") as file: file.write(text)
write("0.5")
def residual(f, x):
    with open(path) as file: return f(x) - float(file.read())
->
write("0.25")
## a path
import pathlib, tempfile
path = pathlib.Path(tempfile.mkstemp()[1]); path.write_text("0.5")
def residual(f, x): return f(x) - float(path.read_text())
->
path.write_text("0.25")
## a file of NumPy
import tempfile
path = tempfile.mkstemp(suffix=".npy")[1]; np.save(path, 0.5)
def residual(f, x): return f(x) - float(np.load(path))
->
np.save(path, 0.25)
## a file of NumPy, under another name
import tempfile
path = tempfile.mkstemp(suffix=".npy")[1]; np.save(path, 0.5); read = np.load
def residual(f, x): return f(x) - float(read(path))
->
np.save(path, 0.25)
## a file of NumPy, with NumPy handed on
import tempfile
path = tempfile.mkstemp(suffix=".npy")[1]; np.save(path, 0.5)
def level(xp): return float(xp.load(path))
def residual(f, x): return f(x) - level(np)
->
np.save(path, 0.25)
## the time
t = [0.5]
def residual(f, x): return f(x) - (t[0] if time.time() > 0 else 0)
->
t[0] = 0.25
## a date
import datetime
t = [0.5]
def residual(f, x): return f(x) - (t[0] if datetime.datetime.now().year > 2000 else 0)
->
t[0] = 0.25
## a clock under another name
clock = time.perf_counter; t = [0.5]
def residual(f, x): return f(x) - (t[0] if clock() > 0 else 0)
->
t[0] = 0.25
## random
t = [0.5]
def residual(f, x): return f(x) - (t[0] if random.random() < 1 else 0)
->
t[0] = 0.25
## a generator of random numbers
r = random.Random(0); state = r.getstate()
def residual(f, x): return f(x) - (0.5 if r.getstate() == state else 0.25)
->
r.random()
## numpy.random
np.random.seed(0); state = np.random.get_state()[2]
def residual(f, x): return f(x) - (0.5 if np.random.get_state()[2] == state else 0.25)
->
np.random.normal()
## a generator of NumPy
r = np.random.default_rng(0); state = str(r.bit_generator.state)
def residual(f, x): return f(x) - (0.5 if str(r.bit_generator.state) == state else 0.25)
->
r.normal()
## a context variable
import contextvars
v = contextvars.ContextVar("v"); v.set(0.5)
def residual(f, x): return f(x) - v.get()
->
v.set(0.25)
## what belongs to a thread
t = threading.local(); t.b = 0.5
def residual(f, x): return f(x) - t.b
->
t.b = 0.25
## a lock
lock = threading.Lock()
def residual(f, x): return f(x) - (0.25 if lock.locked() else 0.5)
->
lock.acquire()
## a dictionary of weak references
class P: pass
p = P(); items = weakref.WeakKeyDictionary({p: 0.5})
def residual(f, x): return f(x) - items[p]
->
items[p] = 0.25
## an iterator
it = iter([0.5, 0.25, 0.25])
def residual(f, x): return f(x) - level[0]
level = [next(it)]
class P:
    inner = it
residual = functools.partial(lambda p, f, x: f(x) - level[0], P)
->
level[0] = next(it)
## a generator
def numbers():
    while True: yield beta
it = numbers()
def residual(f, x): return f(x) - next(it)
## itertools
import itertools
it = itertools.repeat([0.5]); items = next(it)
def residual(f, x): return f(x) - next(it)[0]
->
items[0] = 0.25
## a view of the keys of a dict
items = {0.5: 0}; keys = items.keys()
def residual(f, x): return f(x) - sum(keys)
->
items.clear(); items[0.25] = 0
## a memory view
a = bytearray([2]); view = memoryview(a)
def residual(f, x): return f(x) - 1 / view[0]
->
a[0] = 4
## ctypes
import ctypes
c = ctypes.c_double(0.5)
def residual(f, x): return f(x) - c.value
->
c.value = 0.25
## a ufunc of a user's
level = np.frompyfunc(lambda y: y * beta, 1, 1)
def residual(f, x): return f(x) - float(level(1.0))
## a queue
import queue
q = queue.Queue(); q.put(0.5)
def residual(f, x): return f(x) - q.queue[0]
->
q.queue[0] = 0.25
## decimal numbers
import decimal
d = decimal.Decimal("0.5")
def residual(f, x): return f(x) - float(d)
->
d = decimal.Decimal("0.25")
## a module that is not imported yet
import tempfile
folder = tempfile.mkdtemp(); path = folder + "/m_of_tests_lazily.py"; sys.path.insert(0, folder)
with open(path, "w") as file: file.write("b = 0.5")
def residual(f, x):
    import m_of_tests_lazily
    return f(x) - m_of_tests_lazily.b
->
sys.modules["m_of_tests_lazily"].b = 0.25
## an exception
e = ValueError(0.5)
def residual(f, x): return f(x) - e.args[0]
->
e.args = (0.25,)
""",
    opaque=True,
)
