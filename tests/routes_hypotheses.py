"""Routes through the hypothesis: see `routes.py`."""

from routes import table


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
