"""YAML as configurations need it: a mapping from a small file, each key once and text, no aliases."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from bitmar.errors import BitmarError

MAX_BYTES = 65_536
# YAML 1.1 takes 3e-3 for text unless it is written 3.0e-3
FLOAT_WITHOUT_POINT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+")


class _Loader(yaml.SafeLoader):
    """SafeLoader without aliases (a short file cannot grow, or contain itself) and without repeated keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="an alias (*), expected the value", problem_mark=self.peek_event().start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                problem = f"the key {key!r:.40}, expected text"
            elif key in pairs:
                problem = f"the key {key!r:.40} a second time, expected each key once"
            else:
                pairs[key] = self.construct_object(value_node, deep=True)
                continue
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
        return pairs


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT_WITHOUT_POINT, list("-+0123456789"))


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. BitmarError, in one line, names the file, the place and what was expected."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BitmarError(f"{path}: cannot be read: {error.strerror}; expected a YAML file, see configs/") from None
    if len(content) > MAX_BYTES:
        raise BitmarError(f"{path}: more than {MAX_BYTES:,} bytes, expected a configuration; see configs/")
    try:
        values = yaml.load(content.decode("utf-8"), _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}: " if mark else ""
        raise BitmarError(f"{path}: {place}{' '.join(str(error.problem).split())[:200]}") from None
    except RecursionError:
        raise BitmarError(f"{path}: nested too deeply, expected keys with values") from None
    except (yaml.YAMLError, ValueError) as error:  # not UTF-8, control characters, a number of 5,000 digits
        raise BitmarError(f"{path}: not a YAML file: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(values, dict):
        raise BitmarError(f"{path}: expected a mapping of keys to values, see configs/")
    return values
