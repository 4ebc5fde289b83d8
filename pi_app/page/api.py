"""The API as one table: paths, words, and the JSON schemas that requests are held to and the OpenAPI document shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from bitmar.memory_abi import NAME_BYTES
from pi_app.page import words

Schema = dict[str, Any]

MOST_VIEWS = 16
MAX_STATE = 2**32 - 1
PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp", "image/tiff")
ZIP = ("application/zip",)


def an_object(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    """An object's schema; nothing else may be in it."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def a(kind: str | list[str], description: str = "", **more: Any) -> Schema:
    """A schema of one type."""
    return {"type": kind, **({"description": description} if description else {}), **more}


def a_list(items: Schema, description: str = "") -> Schema:
    """A list's schema."""
    return a("array", description, items=items)


NAME = a("string", f"at most {NAME_BYTES - 1} bytes of UTF-8", minLength=1, maxLength=NAME_BYTES - 1)
TEXT = a("string", minLength=1, maxLength=1024)
ID = a("string", "as an earlier answer gave it", pattern="^[0-9A-Za-z_-]{1,32}$")
NUMBER = a("integer", minimum=0, maximum=MAX_STATE)
FLAG = a("boolean")
WORD = a("string", "the word that this answers")
NAMED = a(["string", "null"])
REAL, COUNT = a(["number", "null"]), a("integer", minimum=0)
TIMING = {
    "tokens": COUNT,
    "tokens_per_s": REAL,
    "ms_per_token": REAL,
    "total_ms": REAL,
    "card_ms": REAL,
    "hit_rate": REAL,
}
TOLD = {
    "word": WORD,
    "name": NAMED,
    "slot": COUNT,
    "action": a("string", enum=["new", "merged", "replaced", "evicted"]),
    "saved": FLAG,
    "cosine": REAL,
    "previous": NAMED,
    "decodes": FLAG,
    "tries": COUNT,
    "easily_confused_with": NAMED,
    **TIMING,
}
ANSWERED = {
    "word": WORD,
    "answer": ID | {"description": "for `right` and `wrong`"},
    "picture": a(["string", "null"], "the one that was asked with"),
    "text": a(["string", "null"], "the name; null where the device does not know"),
    "verdict": a(["string", "null"], enum=["known", "perhaps", "unknown", None]),
    "answer_from": NAMED,
    "found_by": NAMED,
    "slot": a(["integer", "null"]),
    "name": NAMED,
    "score": REAL,
    "saved": a(["boolean", "null"]),
    **TIMING,
}
THUMBNAILS = a_list(a("string"), "files, for /api/thumbnails/FILE, oldest first")
THING = an_object(
    ("name", "thumbnails"),
    name=a("string"),
    slots=a_list(COUNT),
    views=COUNT,
    uses=COUNT,
    importance=a("number"),
    kept=FLAG,
    saved=FLAG,
    decodes=FLAG,
    time=COUNT,
    thumbnails=THUMBNAILS,
)
WENT_BACK = an_object(("word", "state", "occupied"), word=WORD, state=COUNT, occupied=COUNT, **TIMING)
NEWEST = a("array", "number of the newest state, before and after", items=COUNT, minItems=2, maxItems=2)
IF_NEWEST = NUMBER | {"description": "only while this is the newest state: else 409, and nothing is written"}
ERROR = an_object(("error",), error=a("string", "what, where, expected"), other_name=a("string"))

Handler = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Call:
    """One method of one path.

    Attributes:
      answer: the schema of the answer's JSON object, or the media type of what it is instead.
      asks: the schema of the request's JSON object; None: it has no body.
      takes: media types of a body that is no JSON.
      query, path_parameters: schemas of parameters.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    answer: Schema | str
    asks: Schema | None = None
    takes: tuple[str, ...] = ()
    query: dict[str, Schema] = field(default_factory=dict)
    path_parameters: dict[str, Schema] = field(default_factory=dict)


def get(path: str, handler: Handler, summary: str, answer: Schema | str, **more: Any) -> Call:
    """A call that changes nothing."""
    return Call("GET", f"/api{path}", handler, summary, answer, **more)


def post(path: str, handler: Handler, summary: str, answer: Schema, asks: Schema | None = None, **more: Any) -> Call:
    """A call that may change something."""
    return Call("POST", f"/api{path}", handler, summary, answer, asks or an_object(), **more)


def write(path: str, handler: Handler, summary: str, answer: Schema, asks: Schema | None = None) -> Call:
    """A call that may write to the memory: its answer has the state's numbers too."""
    properties, required = answer["properties"] | {"newest": NEWEST}, [*answer["required"], "newest"]
    return post(path, handler, summary, answer | {"properties": properties, "required": required}, asks)


def only_word(**more: Schema) -> Schema:
    """The answer of a word that has little to say."""
    return an_object(("word", *more), word=WORD, **more)


CALLS = (
    post("/login", words.login, "the PIN, for a session's cookie", only_word(), an_object(("pin",), pin=TEXT)),
    post("/logout", words.logout, "ends the session", only_word()),
    get(
        "/status",
        words.status,
        "card, camera, memory",
        an_object(
            ("card", "camera", "state", "things", "size"),
            card=a("string", enum=["open", "read only", "full", "gone"]),
            card_text=a("string"),
            camera=a("string", enum=["none", "starting", "live", "lost"]),
            camera_text=a("string"),
            state=COUNT,
            things=COUNT,
            size=COUNT,
            model=a("string"),
            runtime=a("string"),
        ),
    ),
    get("/events", words.events, "server-sent events: `seen` (as `ask` answers), `status`", "text/event-stream"),
    Call(
        "POST",
        "/api/pictures",
        words.show,
        "shows a picture: its id, for `ask` and `teach`",
        only_word(picture=ID),
        takes=PICTURES,
    ),
    post("/camera", words.take, "shows what the camera sees: the id of that picture", only_word(picture=ID)),
    get(
        "/pictures/{picture}",
        words.picture,
        "a picture that was shown, small",
        "image/jpeg",
        path_parameters={"picture": ID},
    ),
    get(
        "/thumbnails/{file}",
        words.thumbnail,
        "a picture that a thing was taught with",
        "image/jpeg",
        path_parameters={"file": a("string", pattern="^[0-9a-f]{16}-[0-9]{1,10}[.]jpg$")},
    ),
    post(
        "/ask",
        words.ask,
        "show a picture: what is it called?",
        an_object(("answer", "text", "verdict"), **ANSWERED),
        an_object(("picture",), picture=ID),
    ),
    post(
        "/say",
        words.say,
        "recall by name: exact, similar, or what the text is most like",
        an_object(("answer", "text", "verdict"), **ANSWERED),
        an_object(("text",), text=TEXT),
    ),
    post(
        "/caption",
        words.caption,
        "guess what a picture shows, without the memory",
        an_object(("text",), word=WORD, text=a("string"), **TIMING),
        an_object(("picture",), picture=ID),
    ),
    write(
        "/teach",
        words.teach,
        "show pictures of a thing and say its name: it is remembered on the card",
        only_word(views=a_list(an_object(("name", "slot", "action", "saved"), **TOLD))),
        an_object(
            ("pictures", "name"),
            pictures=a("array", items=ID, minItems=1, maxItems=MOST_VIEWS),
            name=NAME,
            replace=FLAG | {"description": "takes the place of the same picture's slot, whatever that is called"},
            both=FLAG | {"description": "the same picture under another name is another thing"},
            keep=FLAG | {"description": "never evicted or pruned"},
        ),
    ),
    write(
        "/right",
        words.right,
        "an answer was right: its thing matters more",
        only_word(name=a("string"), importance=a("number")),
        an_object(("answer",), answer=ID),
    ),
    write(
        "/wrong",
        words.wrong,
        "an answer's picture is something else: what it is called",
        an_object(("word", "name", "slot"), **TOLD),
        an_object(("answer", "name"), answer=ID, name=NAME),
    ),
    write(
        "/forget",
        words.forget,
        "erase what was taught under a name",
        an_object(("word", "name", "count"), word=WORD, name=a("string"), count=COUNT, **TIMING),
        an_object(("name",), name=NAME),
    ),
    write(
        "/rename",
        words.rename,
        "give a remembered thing another name",
        an_object(("word", "old", "new"), word=WORD, old=a("string"), new=a("string"), **TIMING),
        an_object(("old", "new"), old=NAME, new=NAME),
    ),
    get(
        "/things",
        words.things_of,
        "all things, with the pictures that they were taught with",
        an_object(("state", "size", "things"), state=COUNT, size=COUNT, things=a_list(THING)),
    ),
    get(
        "/mem/history",
        words.history,
        "the last states: every write is one, and what it did",
        an_object(
            ("oldest", "newest", "states"),
            word=WORD,
            oldest=COUNT,
            newest=COUNT,
            states=a_list(
                an_object(
                    ("number", "time", "action", "name"),
                    number=COUNT,
                    time=COUNT,
                    action=a("string"),
                    slot=a("integer"),
                    name=a("string"),
                    what=a("string", "for people"),
                )
            ),
        ),
        query={"last": a("integer", minimum=1, maximum=1000)},
    ),
    get(
        "/mem/states/{number}",
        words.state,
        "the memory as it was in a state",
        an_object(("number", "things"), number=COUNT, things=a_list(THING)),
        path_parameters={"number": NUMBER},
    ),
    get(
        "/mem/diff",
        words.diff,
        "what differs between two states",
        an_object(
            ("word", "slots"),
            word=WORD,
            slots=a_list(an_object(("slot",), slot=COUNT, before=a("string"), after=a("string"))),
        ),
        query={"state": NUMBER | {"required": True}, "other": NUMBER | {"required": True}},
    ),
    write(
        "/mem/undo",
        words.undo,
        "take back the last write, or so many",
        WENT_BACK,
        an_object(writes=a("integer", minimum=1, maximum=MAX_STATE), if_newest=IF_NEWEST),
    ),
    write(
        "/mem/restore",
        words.restore,
        "go back to a state",
        WENT_BACK,
        an_object(("state",), state=NUMBER, if_newest=IF_NEWEST),
    ),
    write(
        "/mem/prune",
        words.prune,
        "forget what matters less (importance * unlikeness) than a number",
        an_object(("word", "count"), word=WORD, count=COUNT, **TIMING),
        an_object(("importance",), importance=a("number", minimum=0, maximum=1)),
    ),
    write(
        "/mem/verify",
        words.verify,
        "check every slot and its mirror, repair what can be repaired",
        an_object(("word", "report", "lost"), word=WORD, report=a("string"), lost=a_list(a("string")), **TIMING),
    ),
    get(
        "/health",
        words.health,
        "the card: repairs, what was lost, free room, wear",
        an_object(
            ("report", "lost", "free_bytes", "writes", "worn"),
            report=a("string"),
            repaired_sectors=COUNT,
            lost=COUNT,
            read_only=FLAG,
            free_bytes=COUNT,
            size_bytes=COUNT,
            writes=COUNT,
            oldest_state=COUNT,
            bytes_written=COUNT,
            corrected_reads=COUNT,
            worn=a("number", "share of the card's life that this memory's writes took, an estimate: docs/sd-format.md"),
        ),
    ),
    get("/card", words.download, "the card's memory as one file", "application/zip"),
    Call(
        "PUT",
        "/api/card",
        words.upload,
        "another memory in the place of the card's, once it is known to be good; the old one is kept",
        only_word(old=a("string"), state=COUNT, things=COUNT),
        takes=ZIP,
    ),
)
