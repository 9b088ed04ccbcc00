"""An interpreter of pickles that can run nothing.

`pickle` executes what a file asks for. This one reads the opcodes with the standard library's disassembler
(`pickletools.genops`, which executes nothing) and does by itself what they say, on a stack of plain values. A name in
the file is looked up in a table of ours (`constructors`), never imported; calling it makes a value of ours (`values`).
What is not in the table is refused by name.

A file cannot make it work long or fill the memory: see `Budget`. Nothing recurses.

Opcodes: Python's `Lib/pickletools.py`, which documents every one.
"""

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from avserver.errors import ModelError
from avserver.generator.importing.values import Buildable, describe

OPCODES = 300_000  # some 65 000 make the largest official file; no opcode takes more than a few hundred bytes
SPARE_BYTES = 2**20

MARK = object()


class Budget:
    """What all pickles of one file may cost together.

    Args:
        file_size: in bytes. What constructors read or copy may be twice that: a file can mention the same bytes
            again and again, and would have them copied every time.
    """

    def __init__(self, file_size: int) -> None:
        self._opcodes = OPCODES
        self._bytes = 2 * file_size + SPARE_BYTES

    def spend_opcode(self) -> None:
        """Count one opcode."""
        self._opcodes -= 1
        if self._opcodes < 0:
            raise ModelError(f"its pickle takes more than {OPCODES} steps")

    def spend_bytes(self, count: int) -> None:
        """Count bytes that are read, copied or made."""
        self._bytes -= count
        if self._bytes < 0:
            raise ModelError("its pickle makes more of its bytes than there are")


@dataclass(frozen=True, slots=True)
class Constructor:
    """A known global: its name, and what is made when a pickle calls it, of the arguments and the budget."""

    name: str
    make: Callable[[tuple[Any, ...], Budget], Any]


def interpret(
    stream: BytesIO,
    budget: Budget,
    known: Mapping[str, Any],
    load_persistent: Callable[[Any], Any] | None = None,
) -> Any:
    """Return the value of the pickle that begins where `stream` stands, and leave `stream` behind it.

    Args:
        stream: in memory; of a file on disk, a read of what an opcode claims would be allocated first.
        budget: of the file.
        known: what each known global, `module.name`, is replaced with: a Constructor, or any inert value.
        load_persistent: gives the value of a persistent id; without it there may be none.

    Raises:
        ModelError: for a pickle that is damaged, too costly, or asks for what is not known.
    """
    machine = _Machine(budget, known, load_persistent)
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            budget.spend_opcode()
            machine.step(opcode.name, argument)
    except ValueError as err:  # what pickletools raises
        raise ModelError(f"its pickle is damaged: {' '.join(str(err)[:200].split())}") from err
    return machine.pop()


class _Machine:
    def __init__(self, budget: Budget, known: Mapping[str, Any], load_persistent: Callable[[Any], Any] | None) -> None:
        self._budget = budget
        self._known = known
        self._load_persistent = load_persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in _VALUES:
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name]())
        elif name in _STEPS:
            _STEPS[name](self, argument)
        elif name not in _NOTHING:
            what = "" if argument is None else f" {describe(argument)}"
            raise ModelError(f"its pickle has the opcode {name}{what}, which no model needs")

    def pop(self) -> Any:
        if not self._stack or self._stack[-1] is MARK:
            raise ModelError("its pickle is damaged: it takes from an empty stack")
        return self._stack.pop()

    def pop_to_mark(self) -> list[Any]:
        for i in range(len(self._stack) - 1, -1, -1):
            if self._stack[i] is MARK:
                items = self._stack[i + 1 :]
                del self._stack[i:]
                return items
        raise ModelError("its pickle is damaged: it goes back to a mark that is not there")

    def top(self, kind: type) -> Any:
        """Return what lies on top, which is changed and stays."""
        if not self._stack or not isinstance(self._stack[-1], kind):
            raise ModelError(f"its pickle is damaged: it fills a {kind.__name__} that is not there")
        return self._stack[-1]

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def mark(self, _: Any) -> None:
        self._stack.append(MARK)

    def tuple_of(self, count: int) -> None:
        items = [self.pop() for _ in range(count)]
        self._stack.append(tuple(reversed(items)))

    def append(self, _: Any) -> None:
        item = self.pop()
        self.top(list).append(item)

    def extend(self, _: Any) -> None:
        items = self.pop_to_mark()
        self.top(list).extend(items)

    def set_item(self, _: Any) -> None:
        value, key = self.pop(), self.pop()
        _set_items(self.top(dict), [key, value])

    def set_items(self, _: Any) -> None:
        items = self.pop_to_mark()
        _set_items(self.top(dict), items)

    def add_items(self, _: Any) -> None:
        items = self.pop_to_mark()
        self.top(set).update(map(check_key, items))

    def duplicate(self, _: Any) -> None:
        item = self.pop()
        self._stack += [item, item]

    def discard(self, _: Any) -> None:
        if self._stack:
            self._stack.pop()

    def gather(self, kind: Callable[[list[Any]], Any]) -> None:
        self._stack.append(kind(self.pop_to_mark()))

    def put(self, index: int | None) -> None:
        value = self.pop()
        self._stack.append(value)
        self._memo[len(self._memo) if index is None else index] = value

    def get(self, index: int) -> None:
        if index not in self._memo:
            raise ModelError("its pickle is damaged: it mentions a value that it hasn't given")
        self._stack.append(self._memo[index])

    def look_up(self, module: Any, name: Any) -> None:
        full = f"{module}.{name}" if isinstance(module, str) and isinstance(name, str) else ""
        if full not in self._known:
            raise ModelError(
                f"its pickle asks for {describe(full) if full else 'a global without a name'}, "
                f"which is not among the few things that a model is made of"
            )
        self._stack.append(self._known[full])

    def look_up_line(self, argument: str) -> None:
        self.look_up(*argument.split(" ", 1))

    def look_up_stacked(self, _: Any) -> None:
        name, module = self.pop(), self.pop()
        self.look_up(module, name)

    def call(self, _: Any) -> None:
        arguments, constructor = self.pop(), self.pop()
        if not isinstance(constructor, Constructor) or not isinstance(arguments, tuple):
            raise ModelError(f"its pickle calls {describe(constructor)}, which cannot be called")
        self._stack.append(constructor.make(arguments, self._budget))

    def call_with_names(self, _: Any) -> None:
        names = self.pop()
        if not isinstance(names, dict) or names:
            raise ModelError("its pickle makes an object with named arguments, which no model needs")
        self.call(None)

    def build(self, _: Any) -> None:
        state = self.pop()
        if not self._stack or not isinstance(self._stack[-1], Buildable | dict):
            raise ModelError(f"its pickle sets the state of {describe(self.pop())}, which has none")
        if isinstance(self._stack[-1], Buildable):
            self._stack[-1].build(state)
        # The attributes of an ordered dictionary (PyTorch notes versions there) are left out.

    def persistent(self, _: Any) -> None:
        key = self.pop()
        if self._load_persistent is None:
            raise ModelError(f"its pickle mentions something outside of it by {describe(key)}")
        self._stack.append(self._load_persistent(key))


def check_key(key: Any) -> Any:
    """Return `key`. Raises ModelError for one that a file could make slow to hash, such as nested tuples."""
    if isinstance(key, str | bytes) or (isinstance(key, int) and abs(key) < 2**32):
        return key
    raise ModelError(f"its pickle has {describe(key)} as a key; names and numbers are")


def _set_items(target: dict[Any, Any], items: list[Any]) -> None:
    if len(items) % 2:
        raise ModelError("its pickle is damaged: a key without a value")
    target.update(zip(map(check_key, items[::2]), items[1::2], strict=True))


def _to_dict(items: list[Any]) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    _set_items(result, items)
    return result


_NOTHING = frozenset({"PROTO", "FRAME", "STOP"})
# Their argument is the value.
_VALUES = frozenset(
    {
        *("INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"),
        *("BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    }
)
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
_STEPS: dict[str, Callable[[_Machine, Any], object]] = {
    "BYTEARRAY8": lambda machine, argument: machine.push(bytes(argument)),
    "MARK": _Machine.mark,
    "POP": _Machine.discard,
    "POP_MARK": lambda machine, _: machine.pop_to_mark(),
    "DUP": _Machine.duplicate,
    "LIST": lambda machine, _: machine.gather(list),
    "TUPLE": lambda machine, _: machine.gather(tuple),
    "DICT": lambda machine, _: machine.gather(_to_dict),
    "FROZENSET": lambda machine, _: machine.gather(lambda items: frozenset(map(check_key, items))),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "APPEND": _Machine.append,
    "APPENDS": _Machine.extend,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "ADDITEMS": _Machine.add_items,
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.put,
    "GET": _Machine.get,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "GLOBAL": _Machine.look_up_line,
    "STACK_GLOBAL": _Machine.look_up_stacked,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call,
    "NEWOBJ_EX": _Machine.call_with_names,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.persistent,
}
