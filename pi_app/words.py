"""The words of the console: one table for the parser, for `help` and for docs/cli.md.

The board's console knows the same words but NOT_ON_BOARDS.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bitmar.errors import BitmarError

MAX_LINE = 8192  # characters: twice the longest path


@dataclass(frozen=True)
class Word:
    """A word, what may follow it, and what it does.

    Attributes:
      parameters: positional arguments in order; one in [brackets] may be left out.
      options: flags without a value.
      free_text: the last argument takes the rest of the line, quoted or not.
    """

    name: str
    summary: str
    parameters: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    free_text: bool = False

    @property
    def usage(self) -> str:
        return " ".join([self.name, *self.parameters, *(f"[{option}]" for option in self.options)])


@dataclass(frozen=True)
class Call:
    """A parsed line: the word, its arguments (None where left out) and the flags that were given."""

    word: Word
    arguments: tuple[str | None, ...] = ()
    options: frozenset[str] = field(default_factory=frozenset)


WORDS = (
    Word(
        "teach",
        "show a picture and say its name: it is remembered on the card",
        ("PICTURE", "NAME"),
        ("--replace", "--both", "--keep"),
        True,
    ),
    Word("ask", "show a picture: what is it called?", ("PICTURE",)),
    Word("watch", "say what the camera sees, as it changes, until Ctrl-C or after so many frames", ("[FRAMES]",)),
    Word("right", "the last answer was right: its thing matters more"),
    Word("wrong", "the last picture is something else: what it is called", ("NAME",), (), True),
    Word("caption", "guess what a picture shows, without the memory: right for 1 in 100 new things", ("PICTURE",)),
    Word("say", "recall by name: exact, similar, or what the text is most like", ("TEXT",), (), True),
    Word("forget", "erase what was taught under a name", ("NAME",), (), True),
    Word("rename", "give a remembered thing another name", ("OLD", "NEW"), (), True),
    Word("mem show", "list the slots: names, uses, views, importance"),
    Word("mem verify", "check every slot and its mirror, repair what can be repaired"),
    Word("mem prune", "forget what matters less (importance * unlikeness) than a number from 0 to 1", ("IMPORTANCE",)),
    Word("mem history", "list the last states: every write is one, and what it did"),
    Word("mem undo", "take back the last write, or so many", ("[WRITES]",)),
    Word("mem restore", "go back to a state, by its number or its time", ("STATE",)),
    Word("mem diff", "what differs between two states", ("STATE", "OTHER")),
    Word("bench", "measure tokens/s, recall and card times", ("[TOKENS]",)),
    Word("help", "list the words, or explain one", ("[WORD]",), (), True),
    Word("quit", "leave; nothing is lost"),
)
NOT_ON_BOARDS = ("watch",)  # a board answers one picture at a time
BY_NAME = {word.name: word for word in WORDS}


BLANKS = " \t\r\n"
ESCAPED = BLANKS + "'\"\\#"  # what a backslash outside of quotes makes a letter


def split_line(line: str) -> list[str]:
    """Splits a line at blanks, as people type: a quotation begins at a word's start; an apostrophe that is not closed at a word's
    end, or stands inside a word, is a letter; # begins a comment at a word's start only.

    Raises:
      BitmarError: a double quote at a word's start without another one.
    """
    parts, at = [], 0
    while True:
        while at < len(line) and line[at] in BLANKS:
            at += 1
        if at == len(line) or line[at] == "#":
            return parts
        part, at = next_part(line, at)
        parts.append(part)


def next_part(line: str, at: int) -> tuple[str, int]:
    """The part that begins at a position, and where it ends."""
    if line[at] == "'" and (end := closing_apostrophe(line, at + 1)):
        return line[at + 1 : end], end + 1
    letters: list[str] = []
    quoted = line[at] == '"'
    at += quoted
    while at < len(line) and (quoted or line[at] not in BLANKS):
        if quoted and line[at] == '"':
            quoted = False
        elif line[at] == "\\" and at + 1 < len(line) and line[at + 1] in ('"\\' if quoted else ESCAPED):
            at += 1
            letters.append(line[at])
        else:
            letters.append(line[at])
        at += 1
    if quoted:
        raise BitmarError(f"{line.strip()!r}: no closing quotation, expected quotes in pairs")
    return "".join(letters), at


def closing_apostrophe(line: str, at: int) -> int:
    """The first apostrophe that ends a word, or 0."""
    while (at := line.find("'", at)) >= 0:
        if at + 1 == len(line) or line[at + 1] in BLANKS:
            return at
        at += 1
    return 0


def find_word(parts: list[str]) -> tuple[Word, list[str]]:
    """The word at the beginning and what follows it."""
    for length in (2, 1):
        if word := BY_NAME.get(" ".join(parts[:length])):
            return word, parts[length:]
    group = [word.name.split()[1] for word in WORDS if word.name.startswith(f"{parts[0]} ")]
    if group:
        found = f"'{parts[1]}'" if len(parts) > 1 else "nothing"
        raise BitmarError(f"{parts[0]}: {found} follows, expected {', '.join(group)}")
    names = dict.fromkeys(word.name.split()[0] for word in WORDS)
    raise BitmarError(f"'{parts[0]}' is not a word, expected {', '.join(names)}")


def parse(line: str) -> Call | None:
    """Parses a line; None if it is empty or a comment.

    Raises:
      BitmarError: an unknown word or option, too few or too many arguments, a line that is too long.
    """
    if len(line.rstrip("\n")) > MAX_LINE:
        raise BitmarError(f"a line of more than {MAX_LINE} characters, expected a word and what follows it")
    parts = split_line(line)
    if not parts:
        return None
    word, rest = find_word(parts)
    options = frozenset(part for part in rest if part in word.options)
    arguments: list[str | None] = [part for part in rest if part not in word.options]
    unknown = [part for part in arguments if part.startswith("--")]
    if unknown:
        raise BitmarError(f"{word.name}: unknown option {unknown[0]}, expected: {word.usage}")
    if word.free_text and len(arguments) > len(word.parameters):
        last = len(word.parameters) - 1
        arguments[last:] = [" ".join(arguments[last:])]
    needed = sum(not parameter.startswith("[") for parameter in word.parameters)
    if not needed <= len(arguments) <= len(word.parameters):
        raise BitmarError(f"{word.name}: {len(arguments)} arguments, expected: {word.usage}")
    arguments += [None] * (len(word.parameters) - len(arguments))
    return Call(word, tuple(arguments), options)


def help_text(name: str | None = None) -> str:
    """All words with their usage, or one of them (or one group, e.g. "mem").

    Raises:
      BitmarError: no such word.
    """
    words = [w for w in WORDS if name is None or w.name == name or w.name.startswith(f"{name} ")]
    if not words:
        find_word(split_line(name or "") or ["help"])
    width = max(len(word.usage) for word in words)
    lines = [f"  {word.usage:<{width}}  {word.summary}" for word in words]
    if name is None:
        lines.append(
            "PICTURE is an image file, a .npy of 768 numbers, SET/CODE from the data, e.g. noto/1f353, or camera."
        )
    return "\n".join(lines)
