"""Routes that cannot be followed, of which a warning is due: see `routes.py`."""

from routes import table


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
## eval as an attribute
import builtins
def residual(f, x): return f(x) - builtins.eval("beta")
## the globals of a function, by a text
text = "__globals__"
def residual(f, x): return f(x) - getattr(residual, text)["beta"]
## an object that refuses to be looked at
import datetime
class P:
    def __getattribute__(self, name): raise ValueError(name)
p = P(); day = datetime.date(2000, 1, 1)
def residual(f, x): return f(x) - (0.5 if day.year == 2000 and p is not None else 0.25)
->
day = datetime.date(2001, 1, 1)
## a class that refuses to be read
class M(type):
    def __getattribute__(cls, name):
        if name == "__mro__": raise ValueError(name)
        return type.__getattribute__(cls, name)
class P(metaclass=M): b = 0.5
def residual(f, x): return f(x) - P.b
->
P.b = 0.25
## a chain of two thousand objects
class P: pass
first = p = P()
for _ in range(2000):
    p.q = P(); p = p.q
p.b = 0.5
def residual(f, x): return f(x) - p.b - (0.0 if first.q else 0.0)
->
p.b = 0.25
""",
    opaque=True,
)
