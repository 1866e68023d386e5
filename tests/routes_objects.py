"""Routes through objects and classes: see `routes.py`."""

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
""")
