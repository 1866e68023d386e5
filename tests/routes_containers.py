"""Routes through containers: see `routes.py`."""

from routes import table


CONTAINERS = table("""
## a list
items = [0.5]
def residual(f, x): return f(x) - items[0]
->
items[0] = 0.25
## a list in a list
items = [[0.5]]
def residual(f, x): return f(x) - items[0][0]
->
items[0][0] = 0.25
## a tuple with a list
items = ([0.5],)
def residual(f, x): return f(x) - items[0][0]
->
items[0][0] = 0.25
## a dict
items = {"b": 0.5}
def residual(f, x): return f(x) - items["b"]
->
items["b"] = 0.25
## the order of a dict
items = {"b": 0.5, "c": 0.25}
def residual(f, x): return f(x) - next(iter(items.values()))
->
items = {"c": 0.25, "b": 0.5}
## keys 2 and 2.0
items = {2: 0}
def residual(f, x): return f(x) - (0.5 if type(next(iter(items))) is int else 0.25)
->
items = {2.0: 0}
## keys 1 and True
items = {1: 0}
def residual(f, x): return f(x) - (0.5 if next(iter(items)) is not True else 0.25)
->
items = {True: 0}
## a key that is a tuple with an object
class P: pass
p = P(); p.b = 0.5; items = {(p, 1): 0}
def residual(f, x): return f(x) - next(iter(items))[0].b
->
p.b = 0.25
## a set
items = {0.5}
def residual(f, x): return f(x) - sum(items)
->
items.clear(); items.add(0.25)
## a set of 1 or 1.0
items = {1}
def residual(f, x): return f(x) - (0.5 if type(next(iter(items))) is int else 0.25)
->
items = {1.0}
## a frozen set
items = frozenset([0.5])
def residual(f, x): return f(x) - sum(items)
->
items = frozenset([0.25])
## a deque
items = collections.deque([0.5])
def residual(f, x): return f(x) - items[0]
->
items[0] = 0.25
## a default dict
items = collections.defaultdict(float, b=0.5)
def residual(f, x): return f(x) - items["b"]
->
items["b"] = 0.25
## the factory of a default dict
items = collections.defaultdict(lambda: beta)
def residual(f, x): return f(x) - dict(items).get("b", items.default_factory())
## an ordered dict
items = collections.OrderedDict(b=0.5)
def residual(f, x): return f(x) - items["b"]
->
items["b"] = 0.25
## a counter
items = collections.Counter(b=2)
def residual(f, x): return f(x) - 1 / items["b"]
->
items["b"] = 4
## a chain of maps
items = collections.ChainMap({}, {"b": 0.5})
def residual(f, x): return f(x) - items["b"]
->
items["b"] = 0.25
## a user's dict
items = collections.UserDict(b=0.5)
def residual(f, x): return f(x) - items["b"]
->
items["b"] = 0.25
## a view of a dict
under = {"b": 0.5}; items = types.MappingProxyType(under)
def residual(f, x): return f(x) - items["b"]
->
under["b"] = 0.25
## a namespace
items = types.SimpleNamespace(b=0.5)
def residual(f, x): return f(x) - items.b
->
items.b = 0.25
## an attribute of a subclass of dict
class D(dict): pass
items = D(); items.b = 0.5
def residual(f, x): return f(x) - items.b
->
items.b = 0.25
## an item of a subclass of dict
class D(dict): pass
items = D(b=0.5)
def residual(f, x): return f(x) - items["b"]
->
items["b"] = 0.25
## a subclass of dict that answers itself
class D(dict):
    def __missing__(self, key): return beta
items = D()
def residual(f, x): return f(x) - items["b"]
## an attribute of a subclass of list
class L(list): pass
items = L(); items.b = 0.5
def residual(f, x): return f(x) - items.b
->
items.b = 0.25
## a subclass of list that counts otherwise
class L(list):
    def __iter__(self): return iter([beta])
items = L([0])
def residual(f, x): return f(x) - sum(items)
## an attribute of a subclass of str
class S(str): pass
items = S("a"); items.b = 0.5
def residual(f, x): return f(x) - items.b
->
items.b = 0.25
## an attribute of a subclass of float
class R(float): pass
items = R(1.0); items.b = 0.5
def residual(f, x): return f(x) - items.b
->
items.b = 0.25
## an attribute of a subclass of int
class N(int): pass
items = N(1); items.b = 0.5
def residual(f, x): return f(x) - items.b
->
items.b = 0.25
## the value of a subclass of float
class R(float): pass
items = R(0.5)
def residual(f, x): return f(x) - float(items)
->
items = R(0.25)
## a subclass of tuple
class T(tuple): pass
items = T([0.5])
def residual(f, x): return f(x) - items[0]
->
items = T([0.25])
## an attribute of a subclass of set
class S(set): pass
items = S(); items.b = 0.5
def residual(f, x): return f(x) - items.b
->
items.b = 0.25
## bytes that can change
items = bytearray([2])
def residual(f, x): return f(x) - 1 / items[0]
->
items[0] = 4
## an array of the standard library
import array
items = array.array("d", [0.5])
def residual(f, x): return f(x) - items[0]
->
items[0] = 0.25
## a container that holds itself
items = [0.5]; items.append(items)
def residual(f, x): return f(x) - items[1][1][0]
->
items[0] = 0.25
## two names of one list
a = [0.5]; b = [0.25]; items = {"a": a, "b": b}
def residual(f, x): return f(x) - items["a"][0]
->
items["a"] = b
""")
