"""Ways in which a residual reads a state that moves: the table of `test_fingerprint.py`.

A route is a piece of a user's program that defines `residual`, and how its state moves. `beta` is
0.5 and `f(x)` is 1, so that the residual is 0.5 before and 0.75 after, as a plain call of it says.
"""

from typing import NamedTuple


class Route(NamedTuple):
    """A name, a program that defines `residual` (and `f`, where it is not the usual one), and what
    moves; `opaque` says that the state cannot be followed, so that a warning is due."""

    name: str
    source: str
    move: str = "beta = 0.25"
    opaque: bool = False


def table(text, *, opaque=False):
    """The routes of a text: `# name`, the program, `->` and the move, `beta = 0.25` where none."""
    found = []
    for part in text.strip().split("\n## "):
        name, _, body = part.removeprefix("## ").partition("\n")
        source, _, move = body.partition("\n->")
        found.append(Route(name.strip(), source, move.strip() or "beta = 0.25", opaque))
    return found


FUNCTIONS = table("""
## a global
def residual(f, x): return f(x) - beta
## a helper
def helper(y): return y - beta
def residual(f, x): return helper(f(x))
## a helper of a helper
def level(): return beta
def helper(y): return y - level()
def residual(f, x): return helper(f(x))
## a helper that is written again
def helper(y): return y - 0.5
def residual(f, x): return helper(f(x))
->
def helper(y): return y - 0.25
## a lambda
residual = lambda f, x: f(x) - beta
## a nested function
def residual(f, x):
    def inner(y): return y - beta
    return inner(f(x))
## a nested lambda in a comprehension
def residual(f, x): return sum([(lambda y: y - beta)(f(x)) for _ in range(1)])
## a generator expression
def residual(f, x): return sum(y - beta for y in (f(x),))
## a class body inside the residual
def residual(f, x):
    class Local:
        level = beta
    return f(x) - Local.level
## a decorator
def decorated(function):
    @functools.wraps(function)
    def wrapper(f, x): return function(f, x) - beta
    return wrapper
@decorated
def residual(f, x): return f(x)
## a decorator that says it is a library's function
@functools.wraps(np.exp)
def level(): return beta
level.__module__ = "numpy"
def residual(f, x): return f(x) - level()
## the closure
def outer():
    c = 0.5
    def residual(f, x): return f(x) - c
    def move(value):
        nonlocal c
        c = value
    return residual, move
residual, to = outer()
->
to(0.25)
## a cell of a cell
def outer():
    c = 0.5
    def helper(y): return y - c
    def residual(f, x): return helper(f(x))
    def move(value):
        nonlocal c
        c = value
    return residual, move
residual, to = outer()
->
to(0.25)
## a cell that is filled later
def outer():
    def residual(f, x):
        try: return f(x) - c
        except NameError: return f(x) - 0.5
    def move(value):
        nonlocal c
        c = value
    if False: c = 0
    return residual, move
residual, to = outer()
->
to(0.25)
## a global that is defined later
def residual(f, x):
    try: return f(x) - later
    except NameError: return f(x) - 0.5
->
later = 0.25
## a builtin that is covered by a global
def residual(f, x): return f(x) - abs(0.5)
->
abs = lambda y: y / 2
## a builtin that is replaced
import builtins
builtins.a_level_of_tests = 0.5
def residual(f, x): return f(x) - a_level_of_tests
->
builtins.a_level_of_tests = 0.25
## the one or the other builtin
def residual(f, x): return f(x) - (max(0.25, 0.5) if min(1, 2) == 1 else 0)
->
max = min
## a default
def residual(f, x, c=0.5): return f(x) - c
->
residual.__defaults__ = (0.25,)
## a default of keyword
def residual(f, x, *, c=0.5): return f(x) - c
->
residual.__kwdefaults__["c"] = 0.25
## a default that is changed in place
def residual(f, x, c=[0.5]): return f(x) - c[0]
->
residual.__defaults__[0][0] = 0.25
## the code of a function
def residual(f, x): return f(x) - 0.5
def other(f, x): return f(x) - 0.25
->
residual.__code__ = other.__code__
## an attribute of a function
def residual(f, x): return f(x) - residual.beta
residual.beta = 0.5
->
residual.beta = 0.25
## a partial
residual = functools.partial(lambda c, f, x: c * (f(x) - beta), 1.0)
## the keywords of a partial
residual = functools.partial(lambda f, x, c: f(x) - c, c=0.5)
->
residual.keywords["c"] = 0.25
## an attribute of a partial
residual = functools.partial(lambda f, x: f(x) - residual.level)
residual.level = 0.5
->
residual.level = 0.25
## a partial of a partial
residual = functools.partial(functools.partial(lambda c, f, x: f(x) - c * beta, 1.0))
## a bound method of a dict
get = {"b": 0.5}.get
def residual(f, x): return f(x) - get("b")
->
get.__self__["b"] = 0.25
## a slot of a list
get = [0.5].__getitem__
def residual(f, x): return f(x) - get(0)
->
get.__self__[0] = 0.25
## an operator on a container
table = [0.5]
get = operator.itemgetter(0)
def residual(f, x): return f(x) - operator.getitem(table, 0)
->
table[0] = 0.25
## a computed attribute of an object
class P: pass
p = P(); p.b = 0.5
def residual(f, x): return f(x) - getattr(p, "".join(["b"]))
->
p.b = 0.25
## single dispatch
@functools.singledispatch
def level(y): return beta
def residual(f, x): return f(x) - level(1)
## an implementation that is registered later
@functools.singledispatch
def level(y): return 0.5
def residual(f, x): return f(x) - level(1)
->
level.register(int, lambda y: 0.25)
## a context manager
@contextlib.contextmanager
def level(): yield beta
def residual(f, x):
    with level() as b: return f(x) - b
## a context manager of a class
class Level:
    def __enter__(self): return beta
    def __exit__(self, *_): return None
def residual(f, x):
    with Level() as b: return f(x) - b
## reduce
def residual(f, x): return f(x) - functools.reduce(lambda a, b: a + b, [beta])
## map
def level(y): return y * beta
def residual(f, x): return f(x) - sum(map(level, [1.0]))
## an exception that carries the number
class Found(Exception): pass
def residual(f, x):
    try: raise Found(beta)
    except Found as e: return f(x) - e.args[0]
## recursion
def power(y, n): return y - beta if n == 0 else power(y, n - 1)
def residual(f, x): return power(f(x), 3)
## a wrapped function
class Wrapper:
    def __init__(self, function, beta):
        functools.update_wrapper(self, function)
        self.function, self.beta = function, beta
    def __call__(self, f, x): return self.function(f, x) - self.beta
residual = Wrapper(lambda f, x: f(x), 0.5)
->
residual.beta = 0.25
## a type of number
p = 2
def residual(f, x): return f(x) - (0.5 if isinstance(p, int) else 0.25)
->
p = 2.0
## true or one
p = True
def residual(f, x): return f(x) - (0.5 if p is True else 0.25)
->
p = 1
## the sign of zero
p = 0.0
def residual(f, x): return f(x) - (0.5 if math.copysign(1, p) > 0 else 0.25)
->
p = -0.0
## a string
p = "a"
def residual(f, x): return f(x) - (0.5 if p == "a" else 0.25)
->
p = "b"
## a complex number
p = 0.5 + 1j
def residual(f, x): return f(x) - p.real
->
p = 0.25 + 1j
## a range
p = range(5, 6)
def residual(f, x): return f(x) - (0.5 if p.start == 5 else 0.25)
->
p = range(4, 6)
## a range without numbers
p = range(0, 0)
def residual(f, x): return f(x) - (0.5 if p.start == 0 else 0.25)
->
p = range(1, 1)
## a slice
p = slice(0, 1)
def residual(f, x): return f(x) - sum([0.5, -0.25][p])
->
p = slice(0, 2)
## a pattern
p = re.compile("a")
def residual(f, x): return f(x) - (0.5 if p.match("a") else 0.25)
->
p = re.compile("b")
## a weak reference
class P: pass
p = P(); p.b = 0.5; ref = weakref.ref(p)
def residual(f, x): return f(x) - ref().b
->
p.b = 0.25
## the name of a function
def level(): return 0.0
def residual(f, x): return f(x) - (0.5 if level.__name__ == "level" else 0.25)
->
level.__name__ = "other"
## an attribute of a static method
class P:
    @staticmethod
    def level(): return 0.5
P.__dict__["level"].b = 0.5
def residual(f, x): return f(x) - P.__dict__["level"].b
->
P.__dict__["level"].b = 0.25
""")
