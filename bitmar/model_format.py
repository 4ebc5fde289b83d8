"""model.json: what a converted model says about itself. The one definition of the format, for its writer and every reader.

A JSON Schema does the checking, see bitmar.json_schema.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from bitmar.errors import BitmarError
from bitmar.json_schema import fault, shown

FORMAT = 1
FILE = "model.json"
GRAPHS = ("encoder.tflite", "recall.tflite", "decoder.tflite")
MAX_BYTES = 1 << 20  # of model.json: it has a few kilobytes
END = r"\Z"  # of a pattern: a dollar would let a line feed pass


def whole(first: int, last: int) -> dict[str, Any]:
    """Schema of an integer within limits; the description is what an error says was expected."""
    return {"type": "integer", "minimum": first, "maximum": last, "description": f"a whole number, {first} to {last}"}


def real(first: float, last: float) -> dict[str, Any]:
    """Schema of a number within limits."""
    return {"type": "number", "minimum": first, "maximum": last, "description": f"a number, {first:g} to {last:g}"}


def word(pattern: str, description: str) -> dict[str, Any]:
    """Schema of a string that a pattern matches as a whole."""
    return {"type": "string", "pattern": f"^{pattern}{END}", "description": description}


def one_of(*values: str) -> dict[str, Any]:
    """Schema of a string out of a few."""
    return {"type": "string", "enum": list(values), "description": " or ".join(values)}


def table(**keys: dict[str, Any]) -> dict[str, Any]:
    """Schema of an object that has at least these keys."""
    return {"type": "object", "required": list(keys), "properties": keys, "description": "an object"}


def any_table(names: str, value: dict[str, Any], description: str) -> dict[str, Any]:
    """Schema of an object whose keys match a pattern as a whole, each with such a value."""
    properties = {f"^{names}{END}": value}
    return {
        "type": "object",
        "patternProperties": properties,
        "additionalProperties": False,
        "description": description,
    }


TOKENS = whole(0, 2**31 - 1)
SCHEMA = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    **table(
        format={"type": "integer", "enum": [FORMAT], "description": str(FORMAT)},
        name=word("[A-Za-z0-9_-]{1,64}", "1 to 64 letters, digits, _ or -"),
        config={
            **table(max_seq_len=whole(2, 4096), vocab_size=whole(1, 2**31 - 1)),
            "properties": {
                "max_seq_len": whole(2, 4096),
                "vocab_size": whole(1, 2**31 - 1),
                "vision": word("[a-z0-9_]{1,32}", "a kind of picture features, e.g. lite0_128"),
                "min_importance": real(0, 1),
            },
        },
        # names without folders: a program that copies what is listed never leaves the model's folder
        files=any_table(
            "[A-Za-z0-9_][A-Za-z0-9._-]{0,99}",
            table(sha256=word("[0-9a-f]{64}", "64 hexadecimal digits"), bytes=whole(0, 2**40)),
            "file names without folders",
        ),
        ops=any_table("BITMAR_[A-Z0-9_]{1,48}", whole(1, 2**31 - 1), "names of ops: BITMAR_..."),
        model_hash=word("[0-9a-f]{16}", "16 hexadecimal digits"),
        special_tokens=table(pad=TOKENS, bos=TOKENS, eos=TOKENS),
        memory=table(
            slots=whole(1, 32768),
            dim=whole(1, 65536),
            hot=whole(1, 32768),
            alpha=real(0, 1),
            merge_threshold=real(-1, 1),
            top_k=whole(1, 1024),
            slot_dtype=one_of("float16", "int8"),
        ),
        cache=table(window=whole(1, 65536), sinks=whole(0, 65535)),
    ),
}


def read_description(folder: Path) -> dict[str, Any]:
    """model.json of a folder, checked: every key that the device, the converter or the firmware reads is there and sane.

    Raises:
      BitmarError: it cannot be read, is not JSON, has a wrong or missing key, or an op that is unknown here.
    """
    file = folder / FILE
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BitmarError(f"{file}: cannot be read ({reason}), expected a converted model") from error
    if len(content) > MAX_BYTES:
        raise BitmarError(f"{file}: more than {MAX_BYTES} bytes, expected a converted model")
    return check_description(parse(content, file), file)


def parse(content: bytes, file: Path) -> Any:
    """JSON without the NaN and Infinity that Python's parser knows."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no number")

    try:
        return json.loads(content.decode("utf-8"), parse_constant=refuse)
    except RecursionError:
        raise BitmarError(f"{file}: nested too deeply, expected a converted model") from None
    except ValueError as error:
        raise BitmarError(f"{file}: not JSON ({error})") from error


def check_description(description: Any, file: Path) -> dict[str, Any]:
    """The description itself, if it is one. BitmarError names the key, its value and what was expected."""
    found = description.get("format") if isinstance(description, dict) else None
    if found != FORMAT or isinstance(found, bool):
        raise BitmarError(f"{file}: format {shown(found)}, expected {FORMAT}")
    if wrong := fault(SCHEMA, description):
        raise BitmarError(f"{file}: {wrong}")
    for name in GRAPHS:
        if name not in description["files"]:
            raise BitmarError(f"{file}: {name} is not listed under 'files'")
    check_sizes(description, file)
    return description


def check_sizes(description: dict[str, Any], file: Path) -> None:
    """BitmarError where sizes that are sane one by one do not fit each other."""
    cache, tokens = description["cache"], description["config"]["vocab_size"]
    if cache["sinks"] >= cache["window"]:
        raise BitmarError(
            f"{file}: cache.sinks is {cache['sinks']}, expected less than cache.window, {cache['window']}"
        )
    for name in ("pad", "bos", "eos"):
        if description["special_tokens"][name] >= tokens:
            value = description["special_tokens"][name]
            raise BitmarError(f"{file}: special_tokens.{name} is {value}, expected less than vocab_size, {tokens}")
