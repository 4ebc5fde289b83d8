"""Property: whatever fits the OpenAPI document, and whatever does not, is answered as the document says, and never with a 5xx
(schemathesis: every call of the document, seeded)."""

from __future__ import annotations

import os
import random
import threading
import urllib.request
from functools import cache
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from pi_app.page.openapi import document
from tests.page.served import PICTURES, Served

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
EXAMPLES = settings(
    max_examples=int(os.environ.get("BITMAR_FUZZ_EXAMPLES", "2")),  # of each call; 100 before a release
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@schemathesis.serializer("application/zip", "image/bmp", "image/tiff")
def as_it_is(context: Any, value: Any) -> Any:
    """Bytes, or what was made up in their place."""
    return getattr(value, "data", value) if isinstance(getattr(value, "data", value), bytes) else repr(value).encode()


schema = schemathesis.openapi.from_dict(document()).exclude(
    operation_id="events"
)  # that has no end; it is asked for below


@cache
def shown(page: Served) -> str:
    """The id of a picture that stays among the last ones: nearly every call speaks of it."""
    return page.show(PICTURES / "hedgehog-noto.png")


@schema.parametrize()
@EXAMPLES
def test_every_call_is_as_the_document_says(case: Any, page: Served) -> None:
    """Half of the ids that it makes up become real ones, so that more than 404 is seen."""
    picture = shown(page)
    body = case.body
    if isinstance(body, dict) and random.Random(repr(body)).random() < 0.5:
        for field, real in (("picture", picture), ("pictures", [picture]), ("answer", None)):
            if field in body and case.meta.generation.mode.is_positive:
                body[field] = real or page.post("/ask", picture=picture)["answer"]
    case.call_and_validate(base_url=f"http://127.0.0.1:{page.port}", checks=CHECKS, timeout=30)


def test_it_still_works(page: Served) -> None:
    """After all that: the card is whole, a thing can be taught and asked."""
    assert page.post("/mem/verify")["lost"] == []
    page.post("/mem/restore", state=0)
    page.teach("sunflower", PICTURES / "sunflower-noto.png")
    assert page.ask(PICTURES / "sunflower-noto.png")["text"] == "sunflower"


def test_many_listen(page: Served) -> None:
    """Events reach as many as may listen; one more is told so."""
    streams = [urllib.request.urlopen(f"http://127.0.0.1:{page.port}/api/events", timeout=10) for _ in range(64)]
    assert page.call("GET", "/api/events").status == 429
    heard: list[bytes] = []
    threads = [threading.Thread(target=lambda s=stream: heard.append(s.read(200))) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 64 and all(b"event: status" in one for one in heard)
    for stream in streams:
        stream.close()
