"""Small modules, each with places that can be written in several ways: `@[one~other]@`.

Each has a function `value` whose result, for most, depends on how they are written. Further files of a kind begin with
a line `# file: NAME`; what stands before the first is the module itself. `MODULE` stands for its name.
"""

from __future__ import annotations

KINDS = {
    "a constant": """
RATE = @[1~True~1.0~"1"~-0.0~0.0~b"1"~None~(1,)~[1]]@
def value():
    return RATE
""",
    "an import alias": """
from statistics import @[mean~median~fmean]@ as agg
def value():
    return agg([1, 2, 6])
""",
    "an attribute of an installed module": """
import statistics as st
def value():
    return st.@[mean~median]@([1, 2, 6])
""",
    "a registry by decorator": """
class Registry(dict):
    def register(self, function):
        self[function.__name__] = function
        return function
registry = Registry()
@registry.register
def rate():
    return @[2~3]@
def value():
    return registry["rate"]()
""",
    "a registry that is an attribute": """
class Registry:
    def __init__(self):
        self.found = []
    def __call__(self, weight):
        def take(function):
            self.found.append((weight, function))
            return function
        return take
register = Registry()
@register(@[1~2]@)
def one():
    return @[5~6]@
def value():
    return [(weight, function()) for weight, function in register.found]
""",
    "an attribute set from outside": """
class Config:
    pass
Config.rate = @[1~2]@
def helper():
    return helper.limit + Config.rate
helper.limit = @[3~4]@
def value():
    return helper()
""",
    "a method set from outside": """
class Thing:
    def go(self):
        return 1
def other(self):
    return @[2~3]@
Thing.go = other
def value():
    return Thing().go()
""",
    "__init_subclass__": """
class Base:
    found = {}
    def __init_subclass__(cls, key=0, **more):
        super().__init_subclass__(**more)
        Base.found[key] = cls
class One(Base, key=@[1~2]@):
    def go(self):
        return @[1~2]@
def value():
    return [(key, cls().go()) for key, cls in Base.found.items()]
""",
    "a metaclass with a registry": """
class Meta(type):
    found = []
    def __new__(mcs, name, bases, names):
        cls = super().__new__(mcs, name, bases, names)
        cls.rank = len(mcs.found) * @[1~10]@
        mcs.found.append(cls)
        return cls
class One(metaclass=Meta):
    n = 1
class Two(@[One~metaclass=Meta]@):
    n = @[1~2]@
def value():
    return [(cls.__name__, cls.n, cls.rank, [b.__name__ for b in cls.__bases__]) for cls in Meta.found]
""",
    "a class factory": """
def make(number):
    class M:
        def go(self):
            return number
    return M
M = make(@[2~3]@)
def value():
    return M().go()
""",
    "a class made by type()": """
def go(self):
    return self.rate
M = type("M", (), {"rate": @[1~2]@, "go": go})
def value():
    return M().go()
""",
    "a default bound in a loop": """
made = {}
for k in range(@[2~3]@):
    def h(x, k=k * @[1~2]@):
        return x + k
    made[k] = h
def value():
    return [h(1) for h in made.values()]
""",
    "an enum's value": """
import enum
class Color(enum.@[Enum~IntEnum]@):
    RED = @[1~2]@
    BLUE = @[1~3]@
    @property
    def code(self):
        return self.value * @[1~10]@
def value():
    return [(each.name, each.code, isinstance(each, int)) for each in Color], len(Color.__members__)
""",
    "a flag": """
import enum
class Way(enum.Flag):
    A = enum.auto()
    B = @[enum.auto()~8]@
    BOTH = A | B
def value():
    return Way.BOTH.value
""",
    "an enum with __new__ and attributes": """
import enum
class Planet(enum.Enum):
    def __new__(cls, mass):
        self = object.__new__(cls)
        self._value_ = @[mass~str(mass)]@
        self.extra = mass * @[2~3]@
        return self
    EARTH = 5
def value():
    return Planet.EARTH.extra, Planet.EARTH.value
""",
    "a constant from a file beside the module": """
import json
from pathlib import Path
TABLE = json.loads((Path(__file__).parent / "MODULE.json").read_text())
def value():
    return TABLE["rate"]
# file: MODULE.json
{"rate": @[1~2~"1"]@}
""",
    "__version__": """
import MODULE_other
def value():
    return MODULE_other.__version__
# file: MODULE_other.py
__version__ = "@[1~2]@"
""",
    "a deque's maxlen": """
from collections import deque
WINDOW = deque([1, 2], maxlen=@[2~3~None]@)
def value():
    held = WINDOW.copy()
    held.append(3)
    return list(held)
""",
    "an OrderedDict and a defaultdict": """
from collections import OrderedDict, defaultdict, Counter
ORDER = OrderedDict([("a", @[1~2]@), ("b", 2)])
DEFAULT = defaultdict(@[int~list]@)
COUNT = Counter("@[aab~abb]@")
def value():
    return list(ORDER.items()), DEFAULT.default_factory(), dict(COUNT)
""",
    "a closure's value": """
def scaler(factor):
    def scale(x):
        return x * factor
    return scale
scale = scaler(@[2~3]@)
def value():
    return scale(5)
""",
    "variables that closures share": """
def counter():
    count = 0
    def add():
        nonlocal count
        count += 1
    def get():
        return count
    return add, get
add, get = counter()
@[_~add]@ = counter()[0]
def value():
    add()
    return get()
""",
    "one list or two": """
A = []
B = @[A~[]]@
def value():
    before = len(B)
    A.append(1)
    found = len(B) - before
    A.pop()
    return found
""",
    "which of three lists are one": """
X, Y = [], []
A, B, C = @[X, X, Y~X, Y, Y]@
def value():
    A.append(1)
    found = len(B), len(C)
    A.pop()
    return found
""",
    "a nested function": """
def outer(x):
    def inner(y):
        return y @[+~*]@ 3
    return inner(x)
def value():
    return outer(4)
""",
    "a property": """
class Thing:
    @property
    def size(self):
        return @[1~2]@
    @size.setter
    def size(self, new):
        self.kept = new * @[2~3]@
def value():
    thing = Thing()
    thing.size = 2
    return thing.size, thing.kept
""",
    "a classmethod and a staticmethod": """
class Thing:
    rate = 2
    @classmethod
    def of(cls):
        return cls.rate * @[2~3]@
    @@[staticmethod~classmethod]@
    def kind(*args):
        return len(args)
def value():
    return Thing.of(), Thing.kind(1)
""",
    "a descriptor": """
class Doubled:
    def __init__(self, n):
        self.n = n
    def __get__(self, instance, owner):
        return self.n * @[2~3]@
class Thing:
    size = Doubled(@[4~5]@)
def value():
    return Thing().size
""",
    "a cached_property": """
import functools
class Thing:
    @functools.cached_property
    def size(self):
        return @[1~2]@
def value():
    return Thing().size
""",
    "a dataclass": """
import dataclasses
@dataclasses.dataclass(order=@[True~False]@, frozen=@[True~False]@)
class Point:
    x: int = @[1~2]@
    y: @[int~"int"]@ = dataclasses.field(default=2, compare=@[True~False]@, repr=@[True~False]@)
def value():
    try:
        less = Point(1, 2) < Point(1, 3)
    except TypeError:
        less = None
    try:
        p = Point()
        p.x = 5
    except dataclasses.FrozenInstanceError:
        p = None
    return less, repr(Point()), Point(1, 2) == Point(1, 3), repr(p)
""",
    "the order of a dataclass's fields": """
import dataclasses
@dataclasses.dataclass
class Point:
    @[x: int = 1~y: int = 1]@
    @[y: int = 2~x: int = 2]@
def value():
    return dataclasses.astuple(Point()), repr(Point(5))
""",
    "a dataclass's default factory": """
import dataclasses
def make():
    return [@[1~2]@]
@dataclasses.dataclass
class Point:
    x: list = dataclasses.field(default_factory=@[make~list]@, metadata={"a": @[1~2]@})
def value():
    return Point().x, dict(dataclasses.fields(Point)[0].metadata)
""",
    "a NamedTuple": """
from typing import NamedTuple
class Row(NamedTuple):
    a: int = @[1~2]@
    b: int = 3
    def total(self):
        return self.a @[+~-]@ self.b
def value():
    return Row().total(), Row()
""",
    "a namedtuple": """
from collections import namedtuple
Row = namedtuple("Row", "@[a b~b a]@", defaults=(@[1~2]@,))
def value():
    row = Row(5)
    return row.a, row.b
""",
    "a TypedDict": """
from typing import TypedDict
class Row(TypedDict, total=@[True~False]@):
    a: @[int~str]@
def value():
    return Row.__total__, sorted(Row.__required_keys__), str(Row.__annotations__["a"])
""",
    "functools.partial": """
import functools
def add(a, b=1, c=0):
    return a * 100 + b * 10 + c
bound = functools.partial(add, @[1~2]@, c=@[3~4]@)
def value():
    return bound()
""",
    "partialmethod": """
import functools
class Thing:
    def go(self, a):
        return a
    one = functools.partialmethod(go, @[1~2]@)
def value():
    return Thing().one()
""",
    "singledispatch": """
import functools
@functools.singledispatch
def show(x):
    return "any"
@show.register(@[int~str]@)
def _(x):
    return "@[special~rare]@"
def value():
    return show(1)
""",
    "singledispatchmethod": """
import functools
class Shower:
    @functools.singledispatchmethod
    def show(self, x):
        return "any"
    @show.register(@[int~str]@)
    def _(self, x):
        return "@[special~rare]@"
def value():
    return Shower().show(1)
""",
    "a helper with lru_cache": """
import functools
@functools.lru_cache(maxsize=@[None~1]@)
def helper(x):
    return x @[+~-]@ 1
def value():
    return helper(3)
""",
    "a lambda in a dict": """
TABLE = {"a": lambda x: x + @[1~2]@, "b": lambda x: x @[*~-]@ 2}
def value():
    return [f(3) for f in TABLE.values()]
""",
    "the order of a dict": """
TABLE = {@["a": 1, "b": 2~"b": 2, "a": 1]@}
def value():
    return list(TABLE.items())
""",
    "the element of a set": """
NAMES = {"x", "y", @["z"~"w"~0]@}
def value():
    return sorted(NAMES, key=str)
""",
    "values deep in containers": """
TREE = {"a": [1, (2, {"b": [{@[3~4]@}]})], @[None~False]@: {"c": (@[1~1.0]@,)}}
def value():
    return repr(TREE)
""",
    "a global that is bound again": """
rate = 1
rate = rate + @[1~2]@
if @[True~False]@:
    rate *= 7
def value():
    return rate
""",
    "a counter by a global statement": """
count = 0
def value():
    global count
    count += @[1~2]@
    return count
""",
    "a module's __getattr__": """
import MODULE_lazy
def value():
    return MODULE_lazy.anything
# file: MODULE_lazy.py
RATE = @[1~2]@
def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return RATE * @[2~3]@, name
""",
    "a star import": """
from MODULE_names import *
def value():
    return helper() + RATE
# file: MODULE_names.py
RATE = @[1~2]@
def helper():
    return @[10~20]@
""",
    "a package with relative imports": """
from MODULE_pack.inner import go
def value():
    return go()
# file: MODULE_pack/__init__.py
BASE = @[1~2]@
# file: MODULE_pack/inner.py
from . import BASE
from .deep import leaf as other
from .@[deep~flat]@ import leaf
def go():
    return BASE, leaf(), other()
# file: MODULE_pack/deep.py
def leaf():
    return @["deep"~"deeper"]@
# file: MODULE_pack/flat.py
def leaf():
    return "flat"
""",
    "a conditional import": """
try:
    from MODULE_maybe import @[fast~slow]@ as go
except ImportError:
    def go():
        return @["none"~"nothing"]@
def value():
    return go()
# file: MODULE_maybe.py
def fast():
    return @["fast"~"faster"]@
""",
    "an import inside a function": """
def value():
    from MODULE_late import go
    return go()
# file: MODULE_late.py
RATE = @[1~2]@
def go():
    return RATE @[+~*]@ 3
""",
    "a module imported inside a function": """
def value():
    import MODULE_pkg.late as late
    import MODULE_pkg.other
    return late.go(), MODULE_pkg.other.RATE
# file: MODULE_pkg/__init__.py
# file: MODULE_pkg/late.py
def go():
    return @[1~2]@
# file: MODULE_pkg/other.py
RATE = @[1~2]@
""",
    "an import inside a function that registers": """
import MODULE_reg
def value():
    import MODULE_plugin
    return [f() for f in MODULE_reg.found]
# file: MODULE_reg.py
found = []
# file: MODULE_plugin.py
import MODULE_reg
@MODULE_reg.found.append
def plugin():
    return @[1~2]@
""",
    "a relative import inside a function": """
import MODULE_rel.a
def value():
    return MODULE_rel.a.go()
# file: MODULE_rel/__init__.py
# file: MODULE_rel/a.py
def go():
    from . import b
    from .c import rate
    return b.go() + rate
# file: MODULE_rel/b.py
def go():
    return @[1~2]@
# file: MODULE_rel/c.py
rate = @[10~20]@
""",
    "import_module with a written name": """
import importlib
def value():
    return importlib.import_module("MODULE_named").go()
# file: MODULE_named.py
def go():
    return @[1~2]@
""",
    "import_module with a computed name": """
import importlib
NAME = "MODULE_@[one~two]@"
def value():
    return importlib.import_module(NAME).go()
# file: MODULE_one.py
def go():
    return @[1~2]@
# file: MODULE_two.py
def go():
    return @[3~4]@
""",
    "eval": """
RATE = @[1~2]@
def value():
    return eval("RATE" + " + @[1~2]@")
""",
    "globals()": """
RATE_a = @[1~2]@
RATE_b = 5
def value():
    return sorted((name, number) for name, number in globals().items() if name.startswith("RATE"))
""",
    "getattr on a module": """
import MODULE_helpers as helpers
def value():
    return getattr(helpers, "go_" + "a")()
# file: MODULE_helpers.py
def go_a():
    return @[1~2]@
""",
    "getattr on an instance": """
class Thing:
    def go_a(self):
        return @[1~2]@
    def go_b(self):
        return 3
def value():
    return getattr(Thing(), "go_" + "@[a~b]@")()
""",
    "operators": """
def value():
    a, b = 7, 3
    return a @[+~-~*~//~%~**~&~|~^~>>]@ b, a @[<~<=~==~!=~>~>=~is~is not]@ b, @[not a~-a~+a]@, a @[and~or]@ b
""",
    "a chain of comparisons": """
def value():
    return [x for x in range(6) if 1 @[<~<=]@ x @[<~<=]@ 4]
""",
    "an f-string": """
def value():
    x = 3.14159
    return f"{x:@[.2f~.3f~10.1e]@} {x@[!r~!s~]@} @[a~b]@"
""",
    "comprehensions": """
def value():
    found = (x * y for x in range(3) for y in range(@[2~3]@) if x @[!=~==]@ y)
    return list(found), @[[x for x in range(2)]~{x for x in range(2)}~{x: x for x in range(2)}]@
""",
    "a default that can change": """
def helper(x, found=[@[1~2]@], *, more={"a": @[1~2]@}):
    return found + [x], more
def value():
    return helper(3)
""",
    "a decorator with an argument": """
import functools
def times(n):
    def decorate(f):
        @functools.wraps(f)
        def wrapper(*args):
            return [f(*args)] * n
        return wrapper
    return decorate
@times(@[2~3]@)
def helper(x):
    return x @[+~-]@ 1
def value():
    return helper(5)
""",
    "a decorator that is a class": """
class Scaled:
    def __init__(self, factor):
        self.factor = factor
    def __call__(self, f):
        self.f = f
        return self.go
    def go(self, x):
        return self.f(x) * self.factor
@Scaled(@[2~3]@)
def helper(x):
    return x @[+~-]@ 1
def value():
    return helper(5)
""",
    "a context manager": """
import contextlib
@contextlib.contextmanager
def opened(x):
    yield x @[+~*]@ 2
class Guard:
    def __enter__(self):
        return @[1~2]@
    def __exit__(self, *error):
        return @[True~False]@
def value():
    with opened(3) as x, Guard() as y:
        return x, y
""",
    "suppressed errors": """
import contextlib
def value():
    with contextlib.suppress(@[ValueError~Exception]@, KeyError):
        @[return 1~int("a")]@
    return 2
""",
    "an async function": """
import asyncio
async def go(x):
    await asyncio.sleep(0)
    return x @[+~-]@ 1
def value():
    return asyncio.run(go(3))
""",
    "a generator": """
def numbers():
    yield @[1~2]@
    yield from range(@[2~3]@)
def value():
    return list(numbers())
""",
    "a generator that is held": """
held = (n * @[1~2]@ for n in range(5))
def value():
    return next(held)
""",
    "__call__ and operators of a class": """
class Money:
    def __init__(self, n):
        self.n = n
    def __add__(self, other):
        return Money(self.n + other.n + @[0~1]@)
    def __call__(self):
        return self.n * @[1~2]@
    def __eq__(self, other):
        return @[self.n == other.n~True]@
    def __len__(self):
        return @[3~4]@
TEN = Money(@[10~20]@)
def value():
    return (TEN + Money(1))(), TEN == Money(3), len(TEN)
""",
    "inheritance": """
class A:
    def go(self):
        return "a@[~!]@"
class B:
    def go(self):
        return "b"
class Both(@[A, B~B, A~A~B]@):
    pass
def value():
    return Both().go()
""",
    "a mixin and super()": """
class Base:
    def go(self):
        return [@[1~2]@]
class Mixin:
    def go(self):
        return [@["m"~"n"]@, *super().go()]
class Thing(@[Mixin, Base~Base, Mixin]@):
    def go(self):
        return ["t", *super().go()]
def value():
    return Thing().go()
""",
    "an abstract class": """
import abc
class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self):
        return @[1~2]@
    def twice(self):
        return 2 * self.area()
class Square(Shape):
    def area(self):
        return super().area() + @[3~4]@
def value():
    return Square().twice()
""",
    "a class registered with an abstract one": """
import abc
class Shape(abc.ABC):
    pass
class Round:
    pass
class Flat:
    pass
Shape.register(@[Round~Flat]@)
def value():
    return isinstance(Round(), Shape)
""",
    "subclasses that are asked for": """
class Plugin:
    @classmethod
    def all(cls):
        return [each.rate for each in cls.__subclasses__()]
class One(Plugin):
    rate = @[1~2]@
class Two(@[Plugin~One]@):
    rate = 3
def value():
    return Plugin.all(), [each.__name__ for each in Plugin.__subclasses__()]
""",
    "subclasses that only a method asks for": """
class Plugin:
    @classmethod
    def all(cls):
        return [each.rate for each in cls.__subclasses__()]
class One(Plugin):
    rate = @[1~2]@
class Two(@[Plugin~object]@):
    rate = 3
def value():
    return Plugin.all()
""",
    "slots": """
class Thing:
    __slots__ = ("a", @["b"~"c"]@)
    def __init__(self):
        self.a = @[1~2]@
THING = Thing()
def value():
    return THING.a, hasattr(THING, "b"), hasattr(Thing, "b")
""",
    "a class attribute": """
class Thing:
    rate = @[1~2]@
    names = [@["a"~"b"]@]
def value():
    return Thing.rate, Thing.names
""",
    "annotations that are read": """
class Thing:
    a: @[int~str]@
def helper(x: @[int~str]@):
    "@[one~other]@"
    return x
def value():
    return str(Thing.__annotations__), str(helper.__annotations__), helper.__doc__
""",
    "a docstring that is read": """
class Thing:
    '''@[one~other]@'''
def value():
    return Thing.__doc__
""",
    "flags of a pattern": """
import re
WORD = re.compile("a@[+~*]@", @[0~re.I]@)
def value():
    return WORD.findall("aAb")
""",
    "a path": """
from pathlib import Path, PurePosixPath
HERE = Path(__file__).parent
DATA = HERE / "@[a~b]@.csv"
PLAIN = PurePosixPath("/@[x~y]@")
def value():
    return DATA.name, str(PLAIN)
""",
    "times": """
import datetime as dt
STEP = dt.timedelta(@[days~hours]@=@[1~2]@)
START = dt.datetime(2020, 1, @[1~2]@, tzinfo=dt.timezone(dt.timedelta(hours=@[0~1]@)))
def value():
    return STEP.total_seconds(), START.isoformat()
""",
    "numbers of other types": """
from decimal import Decimal
from fractions import Fraction
import array
A, B, C, D = Decimal("@[1~1.0]@"), Fraction(1, @[2~3]@), complex(0, @[1~-1]@), array.array("@[b~h]@", [1])
def value():
    return str(A), str(B), C, D.typecode, D.itemsize
""",
    "a match statement": """
def value():
    found = []
    for x in (1, "a", [1, 2], {"k": 3}, None):
        match x:
            case @[int()~str()]@:
                found.append("first")
            case [a, @[*_~b]@] if a @[==~!=]@ 1:
                found.append(a)
            case {"k": @[3~4]@}:
                found.append("k")
            case @[None~True]@:
                found.append("none")
            case _:
                found.append("@[rest~other]@")
    return found
""",
    "a walrus": """
def value():
    return [y for x in range(5) if (y := x * @[2~3]@) > @[2~3]@]
""",
    "try and except": """
class Mine(@[ValueError~KeyError]@):
    pass
def value():
    try:
        raise Mine("x")
    except @[ValueError~LookupError~Exception]@:
        return "@[caught~found]@"
    except Exception:
        return "other"
    finally:
        @[pass~str(1)]@
""",
    "an assert": """
def value():
    try:
        assert @[True~False]@, "@[a~b]@"
    except AssertionError as error:
        return str(error)
    return "ok"
""",
    "while and for with else": """
def value():
    found = []
    for x in range(@[3~4]@):
        if x == 3:
            @[break~continue]@
    else:
        found.append("else")
    while len(found) < 2:
        found.append(@[1~2]@)
    else:
        found.append("done")
    return found
""",
    "an object that is changed after it is made": """
class Table:
    def __init__(self):
        self.rows = {}
    def __setitem__(self, key, value):
        self.rows[key] = value
table = Table()
table["a"] = @[1~2]@
table.extra = @[3~4]@
def value():
    return table.rows, table.extra
""",
    "an instance of a class derived from dict": """
class Config(dict):
    __getattr__ = dict.__getitem__
    def get(self, key, default=@[0~1]@):
        return super().get(key, default)
config = Config(rate=@[1~2]@)
config.note = @["a"~"b"]@
def value():
    return config.rate, config.get("x"), config.note
""",
    "a class derived from int, str and tuple": """
class Id(int):
    def __str__(self):
        return "@[id~no]@"
class Name(str):
    pass
ID, NAME = Id(@[1~2]@), Name("@[a~b]@")
def value():
    return str(ID), int(ID), NAME
""",
    "a class derived from datetime and deque": """
import datetime as dt
from collections import deque
class Day(dt.date):
    pass
class Ring(deque):
    pass
DAY, RING = Day(2020, 1, @[1~2]@), Ring([1], @[1~2]@)
def value():
    return DAY.isoformat(), RING.maxlen
""",
    "a bound method of an instance": """
class Maker:
    def __init__(self, limit):
        self.limit = limit
    def make(self):
        return self.limit @[+~*]@ 3
made = Maker(@[3~4]@).make
def value():
    return made()
""",
    "methods of objects in C": """
from operator import itemgetter, attrgetter, methodcaller
get = itemgetter(@[0~1]@)
call = methodcaller("replace", "a", "@[b~c]@")
has = {@[1~2]@, 3}.__contains__
join = "@[-~+]@".join
def value():
    return get([5, 6]), call("aa"), has(1), join("ab")
""",
    "a threading.local and a ContextVar": """
import threading, contextvars
local = threading.local()
local.rate = @[1~2]@
var = contextvars.ContextVar("var", default=@[3~4]@)
def value():
    return local.rate, var.get()
""",
    "a lock": """
import threading
lock = threading.Lock()
def value():
    with lock:
        return @[1~2]@
""",
    "an open file": """
import os
stream = open(os.devnull, "@[r~w]@")
def value():
    return stream.mode
""",
    "exceptions as values": """
class Refused(Exception):
    code = @[1~2]@
ERROR = Refused("a", @[1~2]@)
def value():
    return ERROR.args, ERROR.code
""",
    "itertools and iterators": """
import itertools
ids = itertools.count(@[1~5]@)
rest = iter([@[1~2]@, 3])
def value():
    return next(ids), next(rest)
""",
    "a seeded random generator": """
import random
rng = random.Random(@[1~2]@)
def value():
    return rng.random()
""",
    "a conditional expression and unpacking": """
def value():
    a, *b = [1, 2, @[3~4]@]
    return (a if @[b~not b]@ else 0), {**{"x": 1}, @["x"~"y"]@: 2}, [*b, @[*b~b]@]
""",
    "keyword arguments": """
def helper(a=1, b=2, *args, c=@[3~4]@, **more):
    return a, b, args, c, more
def value():
    return helper(@[a~b~c~d]@=9)
""",
    "slices and subscripts": """
def value():
    x = list(range(10))
    return x[@[1~2]@:@[8~-1]@:@[2~3]@], x[@[0~-1]@]
""",
    "a string and its concatenation": """
def value():
    return "@[a~b]@" "c" + r"@[\\n~\\t]@" + '''@[x~y]@'''
""",
    "numbers as they are written": """
def value():
    return @[10~0x10~1_0~1e1~10j~0b10]@
""",
    "a return or none": """
def value():
    x = 3
    @[return x~return~yield_ = x~return (x,)]@
""",
    "a name that hides a built-in": """
@[def len(x): return 99~size = 1]@
def value():
    return len([1])
""",
    "global names of one kind, swapped": """
def one(x):
    return x
def two(x):
    return -x
a, b = @[one, two~two, one]@
def value():
    return a(1), b(1)
""",
    "functions that call each other": """
def is_even(n):
    return n == 0 or is_odd(n - @[1~2]@)
def is_odd(n):
    return n @[!=~>]@ 1 and is_even(n - 1)
def value():
    return [is_even(n) for n in range(6)]
""",
    "a generic class": """
from typing import Generic, TypeVar
T = TypeVar("T")
class Box(Generic[T]):
    def __init__(self, x):
        self.x = x
    def get(self):
        return self.x, @[1~2]@
def value():
    return Box[int](3).get()
""",
    "a protocol": """
from typing import Protocol, runtime_checkable
@runtime_checkable
class Sized(Protocol):
    def @[size~length]@(self): ...
class Thing:
    def size(self):
        return 1
def value():
    return isinstance(Thing(), Sized)
""",
    "total_ordering": """
import functools
@functools.total_ordering
class V:
    def __init__(self, n):
        self.n = n
    def __eq__(self, other):
        return self.n == other.n
    def __@[lt~gt]@__(self, other):
        return self.n @[<~>]@ other.n
def value():
    return V(1) < V(2), V(1) >= V(2)
""",
    "an attribute of a property's class": """
class Meta(type):
    @property
    def rate(cls):
        return @[1~2]@
    def __getitem__(cls, key):
        return key * @[2~3]@
class Thing(metaclass=Meta):
    pass
def value():
    return Thing.rate, Thing[4]
""",
    "__getattr__ of a class": """
class Thing:
    def __getattr__(self, name):
        return name * @[2~3]@
def value():
    return Thing().ab
""",
    "__slots__ and __set_name__": """
class Named:
    def __set_name__(self, owner, name):
        self.name = name + "@[!~?]@"
    def __get__(self, instance, owner):
        return self.name
class Thing:
    @[one~two]@ = Named()
def value():
    return [value for value in map(lambda n: getattr(Thing, n), sorted(vars(Thing))) if str(value)[-1:] in "!?"]
""",
    "the order of a class's attributes": """
class Thing:
    @[a = 1~b = 1]@
    @[b = 1~a = 1]@
def value():
    return [name for name in vars(Thing) if len(name) == 1]
""",
    "monkey patches of an installed module": """
import colorsys
def mine(*args):
    return @[1~2]@
colorsys.rgb_to_hsv = mine
def value():
    return colorsys.rgb_to_hsv(0, 0, 0)
""",
    "the name of a function": """
def keep(function):
    global f
    f = function
@keep
def @[first~second]@():
    pass
def value():
    return f.__name__, f.__qualname__
""",
    "source that is read": """
import inspect
def helper():
    # @[one~other]@
    return 1
def value():
    return inspect.getsource(helper)
""",
    "two lambdas on a line": """
f, g = (lambda: @[1~2]@), (lambda: @[1~2]@)
def value():
    return f(), g()
""",
    "a method that is reached by its class alone": """
class Api:
    def get(self, name):
        return self.helper(name)
    def helper(self, name):
        return name + "@[1~2]@"
api = Api()
def value():
    return api.get("x")
""",
    "a value computed when the module is imported": """
import MODULE_calc
TABLE = [MODULE_calc.f(n) for n in range(3)]
def value():
    return TABLE
# file: MODULE_calc.py
def f(n):
    return n * @[1~2]@
""",
    "a module's attribute set by another": """
import MODULE_settings, MODULE_setup
def value():
    return MODULE_settings.rate
# file: MODULE_settings.py
rate = 1
# file: MODULE_setup.py
import MODULE_settings
MODULE_settings.rate = @[2~3]@
""",
    "an exception group and a lambda default": """
def value():
    f = lambda x=@[1~2]@: x
    try:
        raise ExceptionGroup("g", [ValueError(@[1~2]@)])
    except* @[ValueError~Exception]@ as group:
        found = len(group.exceptions)
    return f(), found
""",
}

NEUTRAL = {
    "a comment": ("def value():\n", "def value():\n    # a comment\n"),
    "a docstring": ("def value():\n", 'def value():\n    """Says what it gives."""\n'),
    "lines": ("def value():\n", "\n\n\ndef value():\n\n"),
    "an annotation": ("def value():\n", "def value() -> object:\n"),
    "pass": ("def value():\n", "def value():\n    pass\n"),
    "what is not reached": ("def value():\n", "def unreached_by_all():\n    return 1\ndef value():\n"),
    "an unused import": ("def value():\n", "import bisect\ndef value():\n"),
    "a comment at the top": ("", "# the module\n"),
}
"""Edits of the text of a module that change nothing: what is replaced, and by what."""

REACHED = {
    "by its module": ("import MODULE\n", "MODULE.value()"),
    "by its name": ("from MODULE import value as v_MODULE\n", "v_MODULE()"),
    "inside the function": ("", "__import__('MODULE').value()"),
    "by a table": ("import MODULE\nTABLE_MODULE = {'k': MODULE.value}\n", "TABLE_MODULE['k']()"),
    "by a partial": ("import functools, MODULE\nP_MODULE = functools.partial(MODULE.value)\n", "P_MODULE()"),
    "by getattr": ("import MODULE\n", "getattr(MODULE, 'val' + 'ue')()"),
    "by a closure": (
        "import MODULE\ndef make_MODULE(f):\n    return lambda: f()\nC_MODULE = make_MODULE(MODULE.value)\n",
        "C_MODULE()",
    ),
    "by an instance": (
        "import MODULE\nclass H_MODULE:\n    def __init__(self, f):\n        self.f = f\n"
        "h_MODULE = H_MODULE(MODULE.value)\n",
        "h_MODULE.f()",
    ),
    "by a static method": ("import MODULE\nclass S_MODULE:\n    go = staticmethod(MODULE.value)\n", "S_MODULE.go()"),
    "by a decorator": (
        "import functools, MODULE\n@functools.wraps(MODULE.value)\ndef w_MODULE():\n    return MODULE.value()\n",
        "w_MODULE()",
    ),
    "by a helper's import": ("def i_MODULE():\n    from MODULE import value\n    return value()\n", "i_MODULE()"),
    "by a default": ("import MODULE\ndef d_MODULE(f=MODULE.value):\n    return f()\n", "d_MODULE()"),
}
"""How the pipeline's module comes to a module's `value`: its statements, and its expression."""
