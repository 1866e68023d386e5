"""Routes through objects, classes, and the hypothesis: see `routes.py`."""

from routes import table


OBJECTS = table("""
## a method
class P:
    def level(self): return beta
p = P()
def residual(f, x): return f(x) - p.level()
## a bound method
class P:
    def residual(self, f, x): return f(x) - beta
residual = P().residual
## a bound method of another object
class P:
    def __init__(self, b): self.b = b
    def residual(self, f, x): return f(x) - self.b
residual = P(0.5).residual
->
residual.__self__.b = 0.25
## a static method
class P:
    @staticmethod
    def residual(f, x): return f(x) - beta
residual = P.residual
## a class method
class P:
    @classmethod
    def residual(cls, f, x): return f(x) - beta
residual = P.residual
## a property
class P:
    @property
    def level(self): return beta
p = P()
def residual(f, x): return f(x) - p.level
## a property that is cached
class P:
    @functools.cached_property
    def level(self): return beta
def residual(f, x): return f(x) - P().level
## a call
class P:
    def __call__(self, f, x): return f(x) - beta
residual = P()
## an inherited method
class Q:
    def __call__(self, f, x): return f(x) - beta
class P(Q): pass
residual = P()
## a method by super
class Q:
    def level(self): return beta
class P(Q):
    def level(self): return super().level()
def residual(f, x): return f(x) - P().level()
## __init__ of an object that the residual makes
class P:
    def __init__(self): self.b = beta
def residual(f, x): return f(x) - P().b
## __new__
class P:
    def __new__(cls):
        self = object.__new__(cls)
        self.b = beta
        return self
def residual(f, x): return f(x) - P().b
## __post_init__
@dataclasses.dataclass
class P:
    b: float = 0.0
    def __post_init__(self): self.b = beta
def residual(f, x): return f(x) - P().b
## a default factory
@dataclasses.dataclass
class P:
    b: float = dataclasses.field(default_factory=lambda: beta)
def residual(f, x): return f(x) - P().b
## a default of a data class
@dataclasses.dataclass
class P:
    b: float = 0.5
def residual(f, x): return f(x) - P().b
->
P.__init__.__defaults__ = (0.25,)
## the metadata of a field
notes = {"b": 0.5}
@dataclasses.dataclass
class P:
    b: float = dataclasses.field(default=0.0, metadata=notes)
def residual(f, x): return f(x) - dataclasses.fields(P)[0].metadata["b"]
->
notes["b"] = 0.25
## a data class
@dataclasses.dataclass
class P: b: float = 0.5
p = P()
def residual(f, x): return f(x) - p.b
->
p.b = 0.25
## a frozen data class
@dataclasses.dataclass(frozen=True)
class P: b: float = 0.5
p = P()
def residual(f, x): return f(x) - p.b
->
p = P(0.25)
## a data class with slots
@dataclasses.dataclass(slots=True)
class P: b: float = 0.5
p = P()
def residual(f, x): return f(x) - p.b
->
p.b = 0.25
## slots and a dictionary
class P: __slots__ = ("a", "__dict__")
p = P(); p.b = 0.5
def residual(f, x): return f(x) - p.b
->
p.b = 0.25
## a slot that is private
class P:
    __slots__ = ("__b",)
    def __init__(self, b): self.__b = b
    def level(self): return self.__b
p = P(0.5)
def residual(f, x): return f(x) - p.level()
->
p.__init__(0.25)
## a slot that a property hides
class Q:
    __slots__ = ("b",)
class P(Q):
    @property
    def level(self): return Q.b.__get__(self)
p = P(); Q.b.__set__(p, 0.5)
def residual(f, x): return f(x) - p.level
->
Q.b.__set__(p, 0.25)
## a method of a named tuple
class P(typing.NamedTuple):
    s: float = 1.0
    def level(self): return self.s * beta
p = P()
def residual(f, x): return f(x) - p.level()
## a property of a named tuple
class P(typing.NamedTuple):
    s: float = 1.0
    @property
    def level(self): return self.s * beta
def residual(f, x): return f(x) - P().level
## a field of a named tuple
P = collections.namedtuple("P", "b")
p = P([0.5])
def residual(f, x): return f(x) - p.b[0]
->
p.b[0] = 0.25
## a default of a named tuple
P = collections.namedtuple("P", "b", defaults=(0.5,))
def residual(f, x): return f(x) - P().b
->
P.__new__.__defaults__ = (0.25,)
## an attribute that is called method
class P:
    def __init__(self): self.method, self.b = (lambda y: y), 0.5
p = P()
def residual(f, x): return f(x) - p.method(p.b)
->
p.b = 0.25
## an attribute that is a function
class P: pass
p = P(); p.level = lambda: beta
def residual(f, x): return f(x) - p.level()
## an attribute that is wrapped
class P: pass
p = P(); p.__wrapped__ = None; p.b = 0.5
def residual(f, x): return f(x) - p.b
->
p.b = 0.25
## a class attribute
class P: b = 0.5
def residual(f, x): return f(x) - P.b
->
P.b = 0.25
## a class attribute by an object
class P: b = 0.5
p = P()
def residual(f, x): return f(x) - p.b
->
P.b = 0.25
## a class attribute that is changed in place
class P: b = [0.5]
def residual(f, x): return f(x) - P.b[0]
->
P.b[0] = 0.25
## an attribute of a base class
class Q: b = 0.5
class P(Q): pass
def residual(f, x): return f(x) - P.b
->
Q.b = 0.25
## an attribute that covers that of a base class
class Q: b = 0.5
class P(Q): pass
def residual(f, x): return f(x) - P.b
->
P.b = 0.25
## an attribute with two underlines
class P: pass
P.__level__ = 0.5
def residual(f, x): return f(x) - P.__level__
->
P.__level__ = 0.25
## an inner class
class P:
    class Q: b = 0.5
def residual(f, x): return f(x) - P.Q.b
->
P.Q.b = 0.25
## the class of an object
class P: b = 0.5
class Q: b = 0.25
p = P()
def residual(f, x): return f(x) - p.b
->
p.__class__ = Q
## the bases of a class
class A: b = 0.5
class B: b = 0.25
class P(A): pass
def residual(f, x): return f(x) - P.b
->
P.__bases__ = (B,)
## a method that is replaced
class P:
    def level(self): return 0.5
p = P()
def residual(f, x): return f(x) - p.level()
->
P.level = lambda self: 0.25
## a method that is replaced on an object
class P:
    def level(self): return 0.5
p = P()
def residual(f, x): return f(x) - p.level()
->
p.level = lambda: 0.25
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

HYPOTHESES = table("""
## a method of f
class H(eqx.Module):
    level: jax.Array
    def __call__(self, x): return self.level - beta
f = H(jnp.asarray(1.0))
def residual(f, x): return f(x)
## a property of f
class H(eqx.Module):
    level: jax.Array
    @property
    def shift(self): return beta
    def __call__(self, x): return self.level - self.shift
f = H(jnp.asarray(1.0))
def residual(f, x): return f(x)
## a field of f that is a function
class H(eqx.Module):
    level: jax.Array
    g: typing.Callable
    def __call__(self, x): return self.g(self.level)
f = H(jnp.asarray(1.0), lambda y: y - beta)
def residual(f, x): return f(x)
## a static field of f that is a function
class H(eqx.Module):
    level: jax.Array
    g: typing.Callable = eqx.field(static=True)
    def __call__(self, x): return self.g(self.level)
f = H(jnp.asarray(1.0), lambda y: y - beta)
def residual(f, x): return f(x)
## a static field of f that is a dict
class H(eqx.Module):
    level: jax.Array
    p: dict = eqx.field(static=True)
    def __call__(self, x): return self.level - self.p["b"]
f = H(jnp.asarray(1.0), {"b": 0.5})
def residual(f, x): return f(x)
->
f.p["b"] = 0.25
## a static field of f that is a list
class H(eqx.Module):
    level: jax.Array
    p: list = eqx.field(static=True)
    def __call__(self, x): return self.level - self.p[0]
f = H(jnp.asarray(1.0), [0.5])
def residual(f, x): return f(x)
->
f.p[0] = 0.25
## a static field of f that is an object
class P: b = 0.5
class H(eqx.Module):
    level: jax.Array
    p: P = eqx.field(static=True)
    def __call__(self, x): return self.level - self.p.b
f = H(jnp.asarray(1.0), P())
def residual(f, x): return f(x)
->
f.p.b = 0.25
## a static field of f, 1 or 1.0
class H(eqx.Module):
    level: jax.Array
    p: float = eqx.field(static=True)
    def __call__(self, x): return self.level - (0.5 if isinstance(self.p, int) else 0.25)
f = H(jnp.asarray(1.0), 1)
def residual(f, x): return f(x)
->
f = H(jnp.asarray(1.0), 1.0)
## keys of a dict in f, 1 or True
class H(eqx.Module):
    d: dict
    def __call__(self, x):
        key, level = next(iter(self.d.items()))
        return level - (0.5 if key is not True else 0.25)
f = H({1: jnp.asarray(1.0)})
def residual(f, x): return f(x)
->
f = H({True: jnp.asarray(1.0)})
## a named tuple in f
class P(typing.NamedTuple):
    level: jax.Array
    def shifted(self): return self.level - beta
f = (P(jnp.asarray(1.0)),)
def residual(f, x): return f[0].shifted()
## a tree of a user's
@jax.tree_util.register_pytree_node_class
class H:
    def __init__(self, level, p): self.level, self.p = level, p
    def tree_flatten(self): return (self.level,), self.p
    @classmethod
    def tree_unflatten(cls, p, children): return cls(*children, p)
f = H(jnp.asarray(1.0), {"b": 0.5})
def residual(f, x): return f.level - f.p["b"]
->
f.p["b"] = 0.25
## a tree that is put together by a function
class H:
    def __init__(self, level): self.level = level
jax.tree_util.register_pytree_node(
    H, lambda h: ((h.level,), None), lambda _, children: H(children[0] - beta)
)
f = H(jnp.asarray(1.0))
def residual(f, x): return f.level
## a data class that is a tree
@jax.tree_util.register_dataclass
@dataclasses.dataclass
class H:
    level: jax.Array
    p: list = dataclasses.field(metadata=dict(static=True))
    def __call__(self, x): return self.level - self.p[0]
f = H(jnp.asarray(1.0), [0.5])
def residual(f, x): return f(x)
->
f.p[0] = 0.25
## a function that wraps f
class H(eqx.Module):
    level: jax.Array
    def __call__(self, x): return self.level
f = fe.Ansatz(lambda g, x: g(x) - beta, H(jnp.asarray(1.0)))
def residual(f, x): return f(x)
## a module in the closure
class H(eqx.Module):
    b: float
    def level(self): return self.b
h = H(0.5)
def residual(f, x): return f(x) - h.level()
->
h = H(0.25)
## a converter of a module that the residual makes
class H(eqx.Module):
    b: float = eqx.field(converter=lambda b: b * beta)
def residual(f, x): return f(x) - H(1.0).b
## __check_init__ of a module
seen = []
class H(eqx.Module):
    b: float
    def __check_init__(self): seen.append(beta)
def residual(f, x):
    H(1.0)
    return f(x) - seen[-1]
""")
