"""Routes through modules: see `routes.py`."""

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
m = types.ModuleType("this"); m.__file__ = "/home/me/this.py"
exec("b = 0.5\\ndef level(): return b", vars(m))
sys.modules["this"] = m
def residual(f, x):
    from this import level
    return f(x) - level()
->
m.b = 0.25
## a model in an installed package
m = types.ModuleType("a_model_of_tests")
m.__file__ = np.__file__.replace("numpy", "a_model_of_tests")
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
## the dictionary of a module
m = types.ModuleType("m"); m.b = 0.5
def residual(f, x): return f(x) - m.__dict__["b"]
->
m.b = 0.25
## an attribute of a function of a library
fe.expectation.a_level_of_tests = 0.5
def residual(f, x): return f(x) - fe.expectation.a_level_of_tests
->
fe.expectation.a_level_of_tests = 0.25
## an attribute of a class of a library
eqx.nn.MLP.a_level_of_tests = 0.5
def residual(f, x): return f(x) - eqx.nn.MLP.a_level_of_tests
->
eqx.nn.MLP.a_level_of_tests = 0.25
## a method that is put into a class of a library
eqx.nn.Identity.a_level_of_tests = lambda self: beta
p = eqx.nn.Identity()
def residual(f, x): return f(x) - p.a_level_of_tests()
## a method that is put into a class of a library later
p = eqx.nn.Linear("scalar", "scalar", key=jax.random.key(0))
eqx.nn.Linear.a_level_of_tests = None
def residual(f, x):
    return f(x) - (0.5 if p.a_level_of_tests is None else p.a_level_of_tests())
->
eqx.nn.Linear.a_level_of_tests = lambda self: 0.25
""")
