"""The OpenAPI 3.1 document, out of the table that the requests themselves are held to."""

from __future__ import annotations

from typing import Any

from pi_app.page.api import CALLS, ERROR, Call
from pi_app.page.guard import COOKIE

ERRORS = {
    "400": "the request's fault, in one line, as the console says it",
    "401": "the PIN is missing or wrong",
    "403": "from another site, or the wrong PIN",
    "404": "no such picture, answer, thumbnail, name or state",
    "408": "the body came too slowly",
    "409": "it does not go together with what is there: the same picture has another name (`other_name`), no camera picture",
    "413": "too many bytes",
    "415": "another content type",
    "429": "too many at once, or too many wrong PINs",
    "503": "the card is gone; it is opened again as soon as it is back",
    "507": "no room on the card",
}


def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, Any] = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method.lower()] = operation(call)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "BitMar Edge",
            "version": "1",
            "description": "The console's words over HTTP: teach, ask, undo, look into the memory.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Error": ERROR},
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
                "pin": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{"session": []}, {"pin": []}, {}],
    }


def operation(call: Call) -> dict[str, Any]:
    """One method of one path."""
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    if isinstance(call.answer, str):
        content = {call.answer: {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": call.answer}}
    described: dict[str, Any] = {
        "operationId": call.handler.__name__,
        "summary": call.summary,
        "responses": {
            "200": {"description": "done", "content": content},
            **{status: {"description": text, "content": error} for status, text in ERRORS.items()},
        },
    }
    parameters = [parameter(name, schema, "path") for name, schema in call.path_parameters.items()]
    parameters += [parameter(name, schema, "query") for name, schema in call.query.items()]
    if parameters:
        described["parameters"] = parameters
    if call.takes:
        kinds = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in call.takes}
        described["requestBody"] = {"required": True, "content": kinds}
    elif call.asks is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": call.asks}}}
    return described


def parameter(name: str, schema: dict[str, Any], where: str) -> dict[str, Any]:
    """A parameter; those of the path are always required."""
    required = where == "path" or schema.get("required", False)
    kept = {key: value for key, value in schema.items() if key != "required"}
    return {"name": name, "in": where, "required": required, "schema": kept}
