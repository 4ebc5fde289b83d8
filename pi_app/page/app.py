"""The ASGI application: the table's calls, the page's files, one form for every error."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from bitmar import memory_abi as abi
from bitmar.errors import BitmarError
from bitmar.memory import CardError, OtherNameError
from pi_app.page.api import CALLS, Call, Schema
from pi_app.page.appliance import Appliance
from pi_app.page.body import RefusedError, json_object, media_type
from pi_app.page.guard import Guard
from pi_app.page.keeper import GONE, CardGoneError
from pi_app.page.openapi import document
from pi_app.terminal import error_line

STATIC = Path(__file__).resolve().parent / "static"
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
STATUS = {abi.E_NOT_FOUND: 404, abi.E_OTHER_NAME: 409, abi.E_CARD_FULL: 507, abi.E_READ_ONLY: 409}


def application(appliance: Appliance, names: frozenset[str]) -> Guard:
    """The application; it starts and closes the appliance. `names`: what this machine is called."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await appliance.start()
        try:
            yield
        finally:
            await appliance.close()

    routes = [Route(path, page_file(*file), methods=["GET"]) for path, file in FILES.items()]
    routes.append(Route("/api/openapi.json", described, methods=["GET"]))
    routes += [Route(call.path, endpoint(appliance, call), methods=[call.method]) for call in CALLS]
    app = Starlette(
        routes=routes,
        exception_handlers={BitmarError: told, HTTPException: not_there, Exception: broken},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return Guard(app, appliance.door, names)


def page_file(name: str, kind: str) -> Callable[..., Any]:
    """One of the page's own files: by name, so there is no path to walk."""

    async def serve(request: Request) -> Response:
        return FileResponse(STATIC / name, media_type=kind, headers={"Cache-Control": "no-cache"})

    return serve


async def described(request: Request) -> Response:
    """The OpenAPI document."""
    return JSONResponse(document())


def endpoint(appliance: Appliance, call: Call) -> Callable[..., Any]:
    """A call of the table as Starlette takes it: checked by the schemas that the document shows."""

    async def answer(request: Request) -> Response:
        given = parameters(call.path_parameters, dict(request.path_params))
        given |= parameters(call.query, dict(request.query_params))
        if call.asks is not None:
            given |= checked(call, await json_object(request))
        elif call.takes and (kind := media_type(request)) not in call.takes:
            raise RefusedError(415, f"content type {kind!r}, expected {' or '.join(call.takes)}")
        result = await call.handler(appliance, given, request)
        return result if isinstance(result, Response) else JSONResponse(result)

    return answer


def checked(call: Call, value: dict[str, Any]) -> dict[str, Any]:
    """The body, if it is as the schema says."""
    try:
        return validator(call.path)(value)
    except fastjsonschema.JsonSchemaValueException as error:
        raise RefusedError(400, error.message.replace("data", "body", 1)) from None


@cache
def validator(path: str) -> Callable[[Any], Any]:
    """The compiled schema of a path's body."""
    (schema,) = (call.asks for call in CALLS if call.path == path and call.asks is not None)
    return fastjsonschema.compile(schema)


def parameters(schemas: dict[str, Schema], given: dict[str, str]) -> dict[str, Any]:
    """Parameters of the path or the query, with their types. RefusedError for one that is missing, wrong or unknown."""
    if unknown := sorted(set(given) - set(schemas)):
        raise RefusedError(400, f"parameter {unknown[0]!r}: unknown, expected {', '.join(schemas) or 'none'}")
    if missing := [name for name, schema in schemas.items() if schema.get("required") and name not in given]:
        raise RefusedError(400, f"parameter {missing[0]!r}: missing")
    return {name: typed(name, text, schemas[name]) for name, text in given.items()}


def typed(name: str, text: str, schema: Schema) -> Any:
    """One parameter."""
    if schema["type"] == "integer":
        whole = text.isascii() and text.isdecimal() and len(text) <= 10
        if not whole or not schema["minimum"] <= int(text) <= schema["maximum"]:
            raise RefusedError(400, f"{name} {text[:40]!r}: expected {schema['minimum']} to {schema['maximum']}")
        return int(text)
    try:
        return fastjsonschema.validate({key: schema[key] for key in ("type", "pattern")}, text)
    except fastjsonschema.JsonSchemaValueException:
        raise RefusedError(404, f"{name} {text[:40]!r}: there is none") from None


async def told(request: Request, error: Exception) -> Response:
    """An error as the console says it."""
    fields = {"error": error_line(error).removeprefix("error: ")}
    if isinstance(error, OtherNameError):
        fields["other_name"] = error.name
    return JSONResponse(
        fields, status_of(error), {"Connection": "close"} if status_of(error) in (408, 413, 415) else None
    )


def status_of(error: Exception) -> int:
    """HTTP's number for an error."""
    if isinstance(error, RefusedError):
        return error.status
    if isinstance(error, CardGoneError):
        return 503
    if isinstance(error, CardError):
        return 503 if error.code in GONE else STATUS.get(error.code, 400)
    return 400


async def not_there(request: Request, error: Exception) -> Response:
    """No such path, or no such method of it."""
    status = error.status_code
    text = f"{request.method} {request.url.path[:80]}: there is none, /api/openapi.json lists all"
    return JSONResponse({"error": text}, status, dict(error.headers or {}))


async def broken(request: Request, error: Exception) -> Response:
    """A fault of ours; what it was goes to the log alone."""
    return JSONResponse({"error": "the device failed at this, its log says how"}, 500)
