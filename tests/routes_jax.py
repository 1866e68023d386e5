"""Routes through NumPy and JAX: see `routes.py`."""

from routes import table


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
## a JAX array that shares its memory
raw = np.full(4104, 0.5)
under = raw[-raw.ctypes.data % 64 // 8 :][:4096]
a = jax.device_put(under)
def residual(f, x): return f(x) - a[0]
->
under[0] = 0.25; a = a if jax.default_backend() == "cpu" else jnp.asarray(under)
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
## an attribute of a mapped function
level = jax.vmap(lambda y: y); level.b = 0.5
def residual(f, x): return f(x) - level.b
->
level.b = 0.25
## an attribute of a jitted function
level = jax.jit(lambda y: y); level.b = 0.5
def residual(f, x): return f(x) - level.b
->
level.b = 0.25
## a tree in the closure
class H:
    def __init__(self, b): self.b = b
jax.tree_util.register_pytree_node(
    H, lambda h: ((h.b * beta,), None), lambda _, children: H(children[0])
)
h = H(1.0)
def residual(f, x): return f(x) - jax.tree.leaves(h)[0]
## a function with checked types
import jaxtyping, beartype
@jaxtyping.jaxtyped(typechecker=beartype.beartype)
def level(y: jaxtyping.Float[jax.Array, ""]) -> jaxtyping.Float[jax.Array, ""]: return y - beta
def residual(f, x): return level(f(x))
## a switch of modules
def level(xp, y): return xp.sqrt(y * y) * beta
def residual(f, x): return f(x) - level(jnp, 1.0)
""")
