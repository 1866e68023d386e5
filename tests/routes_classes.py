"""Routes through metaclasses, special methods and enumerations: see `routes.py`."""

from routes import table


CLASSES = table("""
## a metaclass
class M(type):
    @property
    def level(cls): return beta
class P(metaclass=M): pass
def residual(f, x): return f(x) - P.level
## a call of a metaclass
class M(type):
    def __call__(cls): return beta
class P(metaclass=M): pass
def residual(f, x): return f(x) - P()
## __init_subclass__
class Q:
    def __init_subclass__(cls): cls.b = beta
def residual(f, x):
    class P(Q): pass
    return f(x) - P.b
## __class_getitem__
class P:
    def __class_getitem__(cls, item): return beta
def residual(f, x): return f(x) - P[0]
## a descriptor
class Level:
    def __get__(self, owner, cls): return beta
class P: b = Level()
def residual(f, x): return f(x) - P().b
## an attribute of a descriptor
class Level:
    value = 0.5
    def __get__(self, owner, cls): return self.value
level = Level()
class P: b = level
def residual(f, x): return f(x) - P().b
->
level.value = 0.25
## __getattr__
class P:
    def __getattr__(self, name): return beta
p = P()
def residual(f, x): return f(x) - p.anything
## __getattribute__
class P:
    def __getattribute__(self, name): return beta
p = P()
def residual(f, x): return f(x) - p.anything
## __getitem__
class P:
    def __getitem__(self, i): return beta
p = P()
def residual(f, x): return f(x) - p[0]
## __mul__
class P:
    def __mul__(self, y): return beta * y
p = P()
def residual(f, x): return f(x) - p * 1.0
## __rsub__
class P:
    def __rsub__(self, y): return y - beta
    __array_ufunc__ = None
p = P()
def residual(f, x): return p.__rsub__(f(x))
## __float__
class P:
    def __float__(self): return beta
def residual(f, x): return f(x) - float(P())
## __eq__
class P:
    def __eq__(self, other): return beta == 0.5
    __hash__ = None
def residual(f, x): return f(x) - (0.5 if P() == 1 else 0.25)
## __len__
class P:
    def __len__(self): return int(1 / beta)
def residual(f, x): return f(x) - 1 / len(P())
## __iter__
class P:
    def __iter__(self): return iter([beta])
def residual(f, x): return f(x) - sum(P())
## __bool__
class P:
    def __bool__(self): return beta == 0.5
def residual(f, x): return f(x) - (0.5 if P() else 0.25)
## __contains__
class P:
    def __contains__(self, y): return beta == 0.5
def residual(f, x): return f(x) - (0.5 if 1 in P() else 0.25)
## __repr__
class P:
    def __repr__(self): return str(beta)
def residual(f, x): return f(x) - float(repr(P()))
## __jax_array__
class P:
    def __jax_array__(self): return jnp.asarray(beta)
p = P()
def residual(f, x): return jnp.subtract(f(x), jnp.asarray(p))
## __setattr__
class P:
    def __setattr__(self, name, value): object.__setattr__(self, name, beta)
def residual(f, x):
    p = P(); p.b = 0
    return f(x) - p.b
## an abstract class that is joined
class P(abc.ABC): pass
class Q: pass
def residual(f, x): return f(x) - (0.25 if isinstance(Q(), P) else 0.5)
->
P.register(Q)
## a subclass hook
class P(abc.ABC):
    @classmethod
    def __subclasshook__(cls, other): return beta == 0.25
def residual(f, x): return f(x) - (0.25 if isinstance(1, P) else 0.5)
->
beta = 0.25; P = type(P)("P", (P,), {"__subclasshook__": classmethod(lambda cls, o: True)})
## an enumeration
class P(enum.Enum):
    A = 0.5
    B = 0.25
p = P.A
def residual(f, x): return f(x) - p.value
->
p = P.B
## a method of an enumeration
class P(enum.Enum):
    A = 1
    def level(self): return beta
def residual(f, x): return f(x) - P.A.level()
## an enumeration of mutable things
class P(enum.Enum):
    A = [0.5]
def residual(f, x): return f(x) - P.A.value[0]
->
P.A.value[0] = 0.25
## a generic class
T = typing.TypeVar("T")
class P(typing.Generic[T]):
    def level(self): return beta
def residual(f, x): return f(x) - P().level()
## a protocol
class P(typing.Protocol):
    def level(self): return beta
class Q(P): pass
def residual(f, x): return f(x) - Q().level()
## a total ordering
@functools.total_ordering
class P:
    def __lt__(self, other): return beta == 0.5
    def __eq__(self, other): return False
def residual(f, x): return f(x) - (0.5 if P() <= P() else 0.25)
## a partial method
class P:
    def of(self, c): return c * beta
    level = functools.partialmethod(of, 1.0)
def residual(f, x): return f(x) - P().level()
## single dispatch of a method
class P:
    @functools.singledispatchmethod
    def level(self, y): return beta
def residual(f, x): return f(x) - P().level(1)
## an object in an object
class P: pass
p = P(); p.q = P(); p.q.b = 0.5
def residual(f, x): return f(x) - p.q.b
->
p.q.b = 0.25
## objects that hold each other
class P: pass
p, q = P(), P(); p.q, q.p, p.b = q, p, 0.5
def residual(f, x): return f(x) - q.p.q.p.b
->
p.b = 0.25
## a fraction
import fractions
p = fractions.Fraction(1, 2)
def residual(f, x): return f(x) - float(p)
->
p = fractions.Fraction(1, 4)
""")
