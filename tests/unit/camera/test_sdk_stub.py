"""The typed stub of the vendor SDK: exactly what the adapter uses, and what the simulated SDK has.

That the vendor's module fits the seam is mypy's to prove: `agent/camera/sdk.py` assigns the stub to an Sdk, and this
module the simulated one.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.camera import sdk
from agent.sim import pyspin

SIMULATED: sdk.Sdk = pyspin
REPOSITORY = Path(__file__).resolve().parents[3]
STUB = ast.parse((REPOSITORY / "typings" / "PySpin" / "__init__.pyi").read_text())
SEAM = ast.parse(Path(sdk.__file__).read_text())
# Class of the seam: class of the vendor.
VENDOR = {
    "IntegerPtr": "CIntegerPtr",
    "FloatPtr": "CFloatPtr",
    "BooleanPtr": "CBooleanPtr",
    "StringPtr": "CStringPtr",
    "CommandPtr": "CCommandPtr",
    "EnumEntryPtr": "CEnumEntryPtr",
    "EnumerationPtr": "CEnumerationPtr",
    "RegisterPtr": "CRegisterPtr",
    "CategoryPtr": "CCategoryPtr",
    "ValueNode": "IValue",
    "NodeMap": "INodeMap",
    "BoxRectangle": "InferenceBoxRect",
    "InferenceBox": "InferenceBoundingBox",
    "BoxResult": "InferenceBoundingBoxResult",
    "ChunkData": "ChunkData",
    "Image": "ImagePtr",
    "CameraPtr": "CameraPtr",
    "CameraList": "CameraList",
    "LibraryVersion": "LibraryVersion",
    "System": "SystemPtr",
    "SystemClass": "System",
}


def _classes(tree: ast.Module) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _members(node: ast.ClassDef) -> set[str]:
    """Methods and attributes, but those that every class has."""
    methods = {item.name for item in node.body if isinstance(item, ast.FunctionDef) and item.name != "__init__"}
    targets = [item.target for item in node.body if isinstance(item, ast.AnnAssign)]
    return methods | {target.id for target in targets if isinstance(target, ast.Name)}


def _functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every function and method of the stub, with its qualified name."""
    for node in STUB.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{item.name}", item) for item in node.body if isinstance(item, ast.FunctionDef))


def _protocols() -> dict[str, ast.ClassDef]:
    return {n: c for n, c in _classes(SEAM).items() if any(ast.unparse(b) == "Protocol" for b in c.bases)}


def test_the_stub_has_the_members_of_the_seam_and_no_others() -> None:
    stub, seam = _classes(STUB), _protocols()
    assert set(seam) == {*VENDOR, "Sdk"}
    assert {theirs: _members(stub[theirs]) for theirs in VENDOR.values()} == {
        theirs: _members(seam[ours]) for ours, theirs in VENDOR.items()
    }
    bases = {ast.unparse(base) for node in stub.values() for base in node.bases} - {"Exception"}
    functions = {node.name for node in STUB.body if isinstance(node, ast.FunctionDef)}
    results = {"IEnumEntry"}  # of GetEntries
    assert {*stub, *functions} == _members(seam["Sdk"]) | set(VENDOR.values()) | bases | results


def test_the_adapter_uses_every_name_of_the_seam() -> None:
    used = set()
    for path in (REPOSITORY / "agent" / "camera").rglob("*.py"):
        tree = ast.parse(path.read_text())
        used |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        used |= {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    unused = {f"{name}.{m}" for name, node in _protocols().items() for m in _members(node) if m not in used}
    assert unused == set()


@pytest.mark.parametrize(("name", "stated"), [*_functions()], ids=[name for name, _ in _functions()])
def test_the_simulated_sdk_takes_the_stated_arguments(name: str, stated: ast.FunctionDef) -> None:
    found: object = pyspin
    for part in name.split("."):
        found = getattr(found, part)
    assert callable(found)
    parameters = [*inspect.signature(found).parameters.values()]
    if name.endswith("GetInstance"):
        assert parameters == []
        return
    stated_names = [a.arg for a in (*stated.args.posonlyargs, *stated.args.args)]
    assert len(parameters) >= len(stated_names)
    for k, wanted in enumerate(stated_names):
        positional_only = k < len(stated.args.posonlyargs)
        assert positional_only or wanted in {"self", parameters[k].name}, f"{name}({wanted})"
        optional = k >= len(stated_names) - len(stated.args.defaults)
        assert (parameters[k].default is not inspect.Parameter.empty) == optional, f"{name}({wanted})"
    assert all(p.default is not inspect.Parameter.empty for p in parameters[len(stated_names) :])


def test_the_simulated_sdk_has_every_stated_class_and_attribute() -> None:
    for name, node in _classes(STUB).items():
        kind = getattr(pyspin, name)
        assert isinstance(kind, type), name
        known = {*dir(kind), *getattr(kind, "__annotations__", {}), *getattr(kind, "__slots__", ())}
        assert _members(node) <= known, name
