"""What each word of the console does on a Device, and what it shows.

Every function returns a Reply; bad input is a BitmarError and changes nothing.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Iterator

import numpy as np

from bitmar.bench import MAX_TOKENS
from bitmar.device import Answer, Device, Seen, Taught
from bitmar.errors import BitmarError
from bitmar.timing import measured
from pi_app import words
from pi_app.reply import Reply, rounded, table, when

MAX_STATE = 2**32 - 1
MAX_FRAMES = 10**9


def where(device: Device) -> str:
    """Where the memory lies, for people."""
    return f"card {device.memory.card}" if device.memory.card else "in RAM alone, not saved"


def greeting(device: Device) -> str:
    """What was found, for people."""
    return (
        f"{device.model.name} on {device.engine.runtime}; {where(device)}: {device.memory.report_text()}\n"
        "`help` lists the words, `quit` leaves."
    )


def whole_number(text: str, last: int) -> int | None:
    """The number from 0 to `last` that a text is, or None."""
    short = text.isascii() and text.isdecimal() and len(text) <= len(str(last))
    return int(text) if short and int(text) <= last else None


# --- teaching and asking


def teach(device: Device, picture: str, name: str, options: Collection[str] = ()) -> Reply:
    chosen = {option: f"--{option}" in options for option in ("replace", "both", "keep")}
    return told("teach", device.teach(picture, name, **chosen))


def told(word: str, taught: Taught) -> Reply:
    """What was taught and where it is; a line more where it is easily confused with something."""
    line = f"{taught.name}: {taught.action} in slot {taught.slot}" + ("" if taught.saved else " (not saved)")
    lines = [line + (f", instead of {taught.previous}" if taught.previous else "")]
    if taught.alike:
        lines.append(f"  easily confused with {taught.alike}")
    fields = {
        "name": taught.name,
        "slot": taught.slot,
        "action": taught.action,
        "saved": taught.saved,
        "cosine": round(taught.cosine, 4),
        "previous": taught.previous,
        "decodes": taught.decodes,
        "tries": taught.tries,
        "easily_confused_with": taught.alike,
    }
    return Reply(word, lines, fields, taught.timing)


def ask(device: Device, picture: str) -> Reply:
    return recalled("ask", device.ask(picture))


def watched(device: Device, frames: str | None = None) -> Iterator[Seen]:
    """`frames`: how many, as text (default: until the camera ends)."""
    count = None if frames is None else whole_number(frames, MAX_FRAMES)
    if count == 0 or (count is None and frames is not None):
        raise BitmarError(f"watch: {frames!r}, expected a number of frames from 1 to {MAX_FRAMES}")
    return device.watch(count)


def sighting(number: int, seen: Seen) -> Reply:
    """One line: the frame's number, the name, and how sure."""
    reply = recalled("watch", seen.answer)
    score = "" if seen.answer.score is None else f" ({seen.answer.score:.3f})"
    cost = {"frame": number, "latency_ms": round(1000 * seen.seconds, 1)}
    return Reply("watch", [f"{number:>6}  {reply.lines[0]}{score}"], cost | reply.fields)


def watch_costs(seconds: list[float], elapsed: float) -> Reply:
    """Frames a second, the camera's waiting included, and the time from a frame to its answer."""
    if not seconds:
        return Reply("watch", ["no frames"], {"frames": 0})
    half, most = (1000 * float(np.quantile(seconds, share)) for share in (0.5, 0.95))
    rate = len(seconds) / elapsed
    line = f"{len(seconds)} frames, {rate:.1f} a second; a frame's answer after {half:.1f} ms (95 %: {most:.1f})"
    fields = {"frames": len(seconds), "frames_per_s": round(rate, 2)}
    return Reply("watch", [line], fields | {"latency_ms": round(half, 2), "latency_ms_95": round(most, 2)})


def say(device: Device, text: str) -> Reply:
    return recalled("say", device.say(text))


def right(device: Device) -> Reply:
    confirmed = device.right()
    line = f"{confirmed.name}: importance {confirmed.importance:.2f}"
    return Reply("right", [line], {"name": confirmed.name, "importance": round(confirmed.importance, 4)})


def wrong(device: Device, name: str) -> Reply:
    return told("wrong", device.wrong(name))


def caption(device: Device, picture: str) -> Reply:
    answer = device.caption(picture)
    return Reply("caption", [answer.text], {"text": answer.text}, answer.timing)


def recalled(word: str, answer: Answer) -> Reply:
    """The name first; then what was seen of it."""
    fields = {"text": answer.text, "verdict": answer.verdict, "answer_from": answer.answer_from}
    fields |= {"slot": answer.slot, "name": answer.name}
    if word == "say":
        fields["found_by"] = answer.found_by
    if answer.slot is None:
        return Reply(word, ["unknown", "  nothing was taught yet"], fields, answer.timing)
    fields |= {"score": None if answer.score is None else round(answer.score, 4), "saved": answer.saved}
    name = (
        "unknown" if answer.text is None else f"perhaps {answer.text}" if answer.verdict == "perhaps" else answer.text
    )
    parts = [f"slot {answer.slot}" if answer.text else f"nearest is slot {answer.slot}: {answer.name}"]
    if answer.score is not None:
        parts.append(f"score {answer.score:.3f}")
    if answer.found_by:
        parts.append(f"found by {answer.found_by}")
    if answer.answer_from:
        parts.append("decoded" if answer.answer_from == "decoded" else "from its label")
    if not answer.saved:
        parts.append("not saved")
    return Reply(word, [name, "  " + ", ".join(parts)], fields, answer.timing)


# --- the memory


def forget(device: Device, name: str) -> Reply:
    name = device.normalise(name)
    with measured(device.memory) as timing:
        count = device.forget(name)
    return Reply("forget", [f"{name}: {count} forgotten"], {"name": name, "count": count}, timing)


def rename(device: Device, old: str, new: str) -> Reply:
    old, new = device.normalise(old), device.normalise(new)
    with measured(device.memory) as timing:
        device.rename(old, new)
    return Reply("rename", [f"{old} is now {new}"], {"old": old, "new": new}, timing)


def mem_show(device: Device) -> Reply:
    slots, stats, shape = device.memory.slots(), device.memory.stats(), device.memory.shape
    rows = []
    for s in slots:
        row = [s.slot, s.name, s.uses, s.views, f"{s.importance:.2f}" + (", kept" if s.kept else "")]
        row += ["yes" if s.decodes else "no", "yes" if s.hot else "no", when(s.time), "" if s.saved else "not saved"]
        rows.append(row)
    lines = table(["slot", "name", "uses", "views", "importance", "decodes", "in RAM", "taught (UTC)", ""], rows)
    lines.append(f"{len(slots)} of {shape.slots} slots, {shape.dim} numbers each; {where(device)}")
    fields = {
        "slots": [vars(s) | {"importance": round(s.importance, 4)} for s in slots],
        "size": shape.slots,
        "dim": shape.dim,
        "sectors_read": stats.sectors_read,
        "sectors_written": stats.sectors_written,
        "barriers": stats.barriers,
        "hits": stats.hits,
        "misses": stats.misses,
    }
    return Reply("mem show", lines, fields)


def mem_verify(device: Device) -> Reply:
    with measured(device.memory) as timing:
        report, lost = device.memory.verify()
    lines = [report] + [f"lost: {name or 'a slot whose name is damaged'}" for name in lost]
    return Reply("mem verify", lines, {"report": report, "lost": lost}, timing)


def mem_prune(device: Device, importance: str) -> Reply:
    try:
        below = float(importance)
    except ValueError:
        below = -1.0
    if not 0 <= below <= 1:
        raise BitmarError(f"mem prune: {importance!r}, expected a number from 0 to 1")
    with measured(device.memory) as timing:
        count = device.memory.prune(below)
    return Reply("mem prune", [f"{count} forgotten"], {"count": count}, timing)


DEEDS = {
    "new": "taught",
    "merged": "taught again",
    "replaced": "replaced something by",
    "evicted": "made room for",
    "forgotten": "forgot",
    "renamed": "renamed to",
    "undone": "undo",
    "restored": "restore",
    "revised": "changed the importance of",
    "found": "found again",
}


def mem_history(device: Device) -> Reply:
    """Every write is a state: the last of them, and what each did."""
    (oldest, newest), states = device.memory.history_range(), device.memory.history()
    groups = ("undone", "restored")  # of several slots: the name of the last one says nothing
    rows = [[s.number, when(s.time), DEEDS.get(s.action, ""), "" if s.action in groups else s.name] for s in states]
    lines = table(["state", "written (UTC)", "what", ""], rows)
    lines.append(f"states {oldest} to {newest} can be restored" + (f", the last {len(states)} shown" if oldest else ""))
    fields = {"oldest": oldest, "newest": newest, "states": [vars(s) for s in states]}
    return Reply("mem history", lines, fields)


def went_back(device: Device, word: str, number: int, timing: dict) -> Reply:
    """What restore and undo say."""
    things = len(device.memory.slots())
    return Reply(word, [f"state {number} restored: {things} things"], {"state": number, "occupied": things}, timing)


def mem_restore(device: Device, state: str) -> Reply:
    """`state` is a number, or a time as YYYY-MM-DD[ HH:MM[:SS]] in UTC: the last state until then."""
    number = whole_number(state, MAX_STATE)
    if number is None:
        number = device.memory.find_state(parse_time(state))
    with measured(device.memory) as timing:
        device.memory.restore(number)
    return went_back(device, "mem restore", number, timing)


def mem_undo(device: Device, writes: str | None = None) -> Reply:
    """Takes back so many writes (default 1); the undo is a write of its own, and can be undone."""
    count = 1 if writes is None else whole_number(writes, MAX_STATE)
    if not count:
        raise BitmarError(f"mem undo: {writes!r}, expected a number of writes")
    with measured(device.memory) as timing:
        number = device.memory.undo(count)
    return went_back(device, "mem undo", number, timing)


def mem_diff(device: Device, state: str, other: str) -> Reply:
    """What differs between two states."""
    numbers = [whole_number(text, MAX_STATE) for text in (state, other)]
    if None in numbers:
        raise BitmarError(f"mem diff: {state!r} and {other!r}, expected the numbers of two states")
    found = device.memory.diff(*numbers)
    lines = table(["slot", f"state {state}", f"state {other}"], [[d.slot, d.before, d.after] for d in found])
    lines.append(f"{len(found)} slots differ")
    return Reply("mem diff", lines, {"slots": [vars(d) for d in found]})


def parse_time(text: str) -> int:
    """Unix seconds of an ISO 8601 date or time, UTC unless it says otherwise."""
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise BitmarError(f"mem restore: {text!r}, expected a state's number or a time like 2026-01-31 12:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return int(moment.timestamp())


# --- the rest


def bench(device: Device, tokens: str | None = None) -> Reply:
    """`tokens`: length of the decoded stream as text (default 64)."""
    count = 64 if tokens is None else whole_number(tokens, MAX_TOKENS)
    if not count:
        raise BitmarError(f"bench: {tokens!r}, expected a number of tokens from 1 to {MAX_TOKENS}")
    digits = {"tokens_per_s": 1}
    figures = {
        key: rounded(value, digits.get(key, 3)) if isinstance(value, float) else value
        for key, value in dataclasses.asdict(device.bench(count)).items()
    }
    lines = [
        "{model} on {runtime}, kernels: {isa}",
        "decode   {tokens_per_s} tokens/s, {ms_per_token} ms/token ({tokens} tokens)",
        "encode   {encode_ms} ms",
        "memory   {memory_ms} ms ({occupied} of {slots} slots; card {card_ms_per_recall} ms)",
        "read-out {recall_ms} ms",
    ]
    return Reply("bench", [line.format(**figures) for line in lines], figures)


def explain(name: str | None) -> Reply:
    """The word `help`."""
    lines = words.help_text(name).splitlines()
    return Reply("help", lines, {"words": [vars(w) for w in words.WORDS if name is None or w.name.startswith(name)]})
