"""The package's types beside what it does: ``stubs``. Fails with the first difference.

mypy's ``stubtest`` compares names and arguments; this compares what an extension module does not tell it: the types of
attributes, the descriptions, and the kinds of control records, which Rust knows by name.
"""

import ast
import importlib
import inspect
from pathlib import Path

import gateway_client as gateway

TYPES = {"int": int, "str": str, "bytes": bytes, "float": float, "list[BidAskPair]": list}


def an_instance(name):
    """A record of the class, without content; ``None`` of a class whose objects come from queues only."""
    cls = getattr(gateway, name)
    if cls is gateway.NativeMsg:
        return cls.from_bytes(bytes([6, 0xF1, 8, 0]) + bytes(20))
    size = getattr(cls, "size_hint", None)
    if size is None:
        return None
    for rtype in range(256):
        try:
            return cls.from_bytes(bytes([size // 4, rtype]) + bytes(size - 2))
        except ValueError:
            pass
    raise AssertionError(f"no record type is {name}'s")


def stub():
    path = Path(inspect.getfile(gateway)).with_name("_native.pyi")
    return ast.parse(path.read_text(encoding="utf-8"))


def described(tree):
    """Every class, method and attribute that the stub describes, and the description."""
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield (node.name,), ast.get_docstring(node)
        if isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and not member.name.startswith("__"):
                    yield (node.name, member.name), ast.get_docstring(member)


def check_descriptions(tree):
    native = importlib.import_module("gateway_client._native")
    for path, words in described(tree):
        found = native
        for name in path:
            found = inspect.getattr_static(found, name)
        if isinstance(found, staticmethod):
            found = found.__func__
        assert inspect.getdoc(found) == words, f"{path}: {inspect.getdoc(found)!r}, not {words!r}"


def check_attributes(tree):
    """Attributes of records are of the types that the stub names. Returns how many."""
    checked = 0
    for node in tree.body:
        if not isinstance(node, ast.ClassDef) or (record := node.name).removesuffix("Msg") == record:
            continue
        instance = an_instance(record)
        if instance is None:
            assert record == "OtherMsg", record
            continue
        for member in node.body:
            if not isinstance(member, ast.FunctionDef):
                continue
            if not any(ast.unparse(decorator) == "property" for decorator in member.decorator_list):
                continue
            annotation = ast.unparse(member.returns)
            value = getattr(instance, member.name)
            if annotation == "Optional[int]":
                assert value is None, f"{record}.{member.name}: {value!r}"
            else:
                assert type(value) is TYPES[annotation], f"{record}.{member.name}: {value!r} is no {annotation}"
            checked += 1
    return checked


def kind_in_rust(number):
    """What Rust calls a kind of control records; its number where it does not know it."""
    record = bytearray(bytes(an_instance("ControlMsg")))
    offset = gateway.ControlMsg.dtype.fields["kind"][1]
    record[offset : offset + 2] = number.to_bytes(2, "little")
    text = repr(gateway.ControlMsg.from_bytes(bytes(record)))
    return text.split("kind=")[1].split(",")[0]


def check_kinds():
    """Both sides know the same kinds by the same names, and neither knows another."""
    ours = {kind.value: kind.name for kind in gateway.ControlKind}
    for number in range(1 << 16):
        assert kind_in_rust(number) == ours.get(number, str(number)), number
    return len(ours)


def main():
    tree = stub()
    check_descriptions(tree)
    print(f"{check_attributes(tree)} attributes, {check_kinds()} kinds of control records")


main()
