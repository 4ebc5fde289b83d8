"""Checks values by a JSON Schema: the part of draft 4 (its integers are integers, 3.0 is none) that model.json needs.

fastjsonschema, the oracle in the tests, compiles a schema into Python code: with its imports 3.4 MB of RAM for this one, as
much as all the rest of the device in Python.
"""

from __future__ import annotations

import math
import re
from typing import Any

TYPES: dict[str, type | tuple[type, ...]] = {"object": dict, "string": str, "integer": int, "number": (int, float)}
SHOWN = 60  # characters of a wrong value that an error shows


def fault(schema: dict[str, Any], value: Any, key: str = "") -> str | None:
    """What is wrong with a value, in one line: its key, the value, what was expected. None: it is as the schema says.

    Args: schema: type, enum, pattern, minimum, maximum, required, properties, patternProperties, additionalProperties: False;
        description: what was expected, for the line; key: where the value stands, with dots.
    """
    if not allowed(schema, value):
        return f"key {key!r} is {shown(value)}, expected {schema['description']}"
    prefix = f"{key}." if key else ""
    for name in schema.get("required", ()):
        if name not in value:
            return f"key {prefix + name!r} is missing"
    for name, inner in schemas_inside(schema, value):
        if inner is None:
            return f"key {key!r} has {shown(name)}, expected {schema['description']}"
        if found := fault(inner, value[name], prefix + name):
            return found
    return None


def allowed(schema: dict[str, Any], value: Any) -> bool:
    """Whether the value by itself is one, whatever is inside."""
    if not isinstance(value, TYPES[schema["type"]]) or isinstance(value, bool):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return False
    return "minimum" not in schema or schema["minimum"] <= value <= schema["maximum"]


def schemas_inside(schema: dict[str, Any], value: Any) -> list[tuple[str, dict[str, Any] | None]]:
    """Keys of an object that have a schema, and that schema; None: the key is not allowed."""
    found = [(name, inner) for name, inner in schema.get("properties", {}).items() if name in value]
    patterns = schema.get("patternProperties", {})
    for name in value if patterns else ():
        inner = [inner for pattern, inner in patterns.items() if re.search(pattern, name)]
        found.append((name, inner[0] if inner else None))
    return found


def shown(value: Any) -> str:
    """A wrong value for an error's line, cut where it is long."""
    if isinstance(value, int) and abs(value) >= 10**SHOWN:
        return f"a number of {int(math.log10(abs(value))) + 1} digits"
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
