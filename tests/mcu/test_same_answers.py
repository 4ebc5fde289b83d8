"""Property: the Pi's console and the board's give the same JSON to the same words; only costs and machines differ."""

from __future__ import annotations

import contextlib
import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bitmar.device import Device
from bitmar.errors import BitmarError
from deploy.board.console import BoardConsole, picture_line, quoted
from deploy.board.link import open_emulator
from deploy.firmware import build
from pi_app import words
from pi_app.console import Console
from tests.bitmar.things import things
from tests.mcu.conftest import Board, seeded_picture
from tests.mcu.other_model import with_reversed_matrix
from tests.mcu.test_card import picture_file

SLOTS = 8
# what an answer cost, what only one of them can know, and when something was taught
COSTS = {
    "tokens",
    "tokens_per_s",
    "ms_per_token",
    "total_ms",
    "card_ms",
    "instructions",
    "instructions_per_token",
    "hit_rate",
}
COSTS |= {"hits", "misses", "sectors_read", "sectors_written", "barriers", "time"}
PI_ONLY = {"dim", "retention", "taught", "last_access"}
BOARD_ONLY = {"card"}


def comparable(answer: object) -> object:
    """Without costs."""
    if isinstance(answer, dict):
        return {key: comparable(value) for key, value in answer.items() if key not in COSTS | PI_ONLY | BOARD_ONLY}
    return [comparable(item) for item in answer] if isinstance(answer, list) else answer


class Both:
    """One line to both consoles."""

    def __init__(self, board: Board, device: Device) -> None:
        self.outputs = io.StringIO(), io.StringIO()
        self.consoles = (
            Console(device, as_json=True, output=self.outputs[0]),
            BoardConsole(board.link, device.pictures, as_json=True, output=self.outputs[1]),
        )

    def ask(self, line: str) -> tuple[dict, dict]:
        """What the Pi answers and what the board answers; an error as {"error": text}."""
        found = []
        for console, output in zip(self.consoles, self.outputs, strict=True):
            output.seek(0), output.truncate()
            try:
                assert console.execute(line)
                found.append(json.loads(output.getvalue()))
            except BitmarError as error:
                found.append({"error": str(error)})
        return found[0], found[1]

    def agree(self, line: str) -> dict:
        """The Pi's answer, which is the board's but for costs; an error is the same error, in the words of each."""
        pi, board = self.ask(line)
        if "error" in pi or "error" in board:
            assert set(pi) == set(board) == {"error"}, (line, pi, board)
            return pi
        assert comparable(board) == comparable(pi), line
        assert not set(board) - set(pi) - COSTS - BOARD_ONLY and not set(pi) - set(board) - COSTS - PI_ONLY, line
        return pi


@pytest.fixture
def both(start: Callable[..., Board], model: Path, tmp_path: Path) -> Iterator[Both]:
    """Two empty cards of eight slots: card_pi and card_board."""
    cards = [tmp_path / "card_pi", tmp_path / "card_board"]
    for card in cards:
        card.mkdir()
    board = start(cards[1], SLOTS)
    with Device(cards[0], model, slots=SLOTS) as device:
        yield Both(board, device)


def test_every_word(both: Both, tmp_path: Path) -> None:
    pictures = [str(picture_file(tmp_path, seed)) for seed in range(3)]
    lines = [
        f"ask {pictures[0]}",
        f"teach {pictures[0]} red fox",
        f'teach {pictures[1]} "caf\u00e9  cr\u00e8me"',
        f'teach {pictures[2]} "a \\"quoted\\" \u202ename\u200d \x1b[31m"',
        f"teach {pictures[0]} red fox",
        "right",
        f"ask {pictures[0]}",
        "right",
        f"ask {pictures[1]}",
        "wrong Bob's car",
        f"teach {pictures[0]} wolf --replace",
        f"teach {pictures[0]} grey wolf",
        f"teach {pictures[0]} grey wolf --both --keep",
        f"teach {pictures[1]} {'x' * 64}",
        *(f"ask {picture}" for picture in pictures),
        f"caption {pictures[1]}",
        "say WOLF",
        "say grey wlof",
        "say nothing of the kind",
        "wrong whatever",
        "mem show",
        "mem verify",
        "mem diff 1 3",
        "rename wolf \U0001f43a",
        "rename missing something",
        "forget Bob's car",
        "mem prune 0.5",
        "mem history",
        "mem restore 2",
        "mem undo 2",
        "mem history",
        "mem restore 2110-01-01",
        "mem show",
    ]
    assert {call.word.name for call in map(words.parse, lines)} >= {
        word.name for word in words.WORDS if word.name not in ("bench", "help", "quit", *words.NOT_ON_BOARDS)
    }
    for line in lines:
        both.agree(line)


NAMES = ["red fox", "Bob's car", "café crème", "草莓", "🍓", "IBM 5150", "red fax", "Ω", "grandma's owl", "x" * 24]


def session(pictures: list[str], count: int, seed: int) -> list[str]:
    """Words as a day brings them: taught, asked, confirmed, corrected, looked for; errors among them."""
    r = random.Random(seed)
    lines = [f"teach {pictures[0]} {NAMES[0]}"]
    while len(lines) < count:
        picture, name, flag = r.choice(pictures), r.choice(NAMES), r.choice(["", "", "--both", "--replace", "--keep"])
        lines += r.choice(
            [
                [f"teach {picture} {name} {flag}"],
                [f"teach {picture} {name}", f"ask {picture}"],
                [f"ask {picture}", "right"],
                [f"ask {picture}", f"wrong {name}", f"ask {picture}"],
                [f"say {name}", f"say {name[1:]}"],
                [f'rename "{name}" {r.choice(NAMES)}'],
                [f"forget {name}"],
                ["mem prune 0.3", "right"],
            ]
        )
    return [*lines[: count - 1], "mem show"]


def assert_same_slots(cards: Path) -> None:
    contents = [
        (cards / card / "bitmar_memory" / "memory_slots.bin").read_bytes() for card in ("card_pi", "card_board")
    ]
    assert contents[0] == contents[1] and any(contents[0])


def test_a_session_of_sixty_words(both: Both, tmp_path: Path) -> None:
    """Seeded; and the two cards hold the same things, byte for byte but for the times."""
    shown = [*(thing.taught for thing in things(5)), *(thing.asked for thing in things(5))]
    pictures = []
    for i, (q, scale) in enumerate(shown):
        np.save(tmp_path / f"thing{i}.npy", q.astype(np.float32) * scale)
        pictures.append(str(tmp_path / f"thing{i}.npy"))
    answers = [both.agree(line) for line in session(pictures, 60, 8)]
    assert sum("error" not in answer for answer in answers) > 40
    assert_same_slots(tmp_path)


def test_names_that_need_several_forms(both: Both, tmp_path: Path) -> None:
    """Long ones, random letters: in layers, cut anew where they were misread, refused where they have too many tokens. The same
    tries, the same verdicts, the same slots; they are read layer by layer on either."""
    r = random.Random(3)
    letters = [chr(i) for block in (range(33, 127), range(0x400, 0x450), range(0x4E00, 0x4E40)) for i in block]
    random_names = ["".join(r.choice(letters) for _ in range(r.randrange(8, 22))) for _ in range(8)]
    names = ["字" * 21, "x" * 63, *(name for name in random_names if not name.startswith("-"))][:SLOTS]
    tries = []
    for seed, name in enumerate(names):
        told = both.agree(f"teach {picture_file(tmp_path, seed)} {quoted(name)} --both")
        tries += [told["tries"]] if "tries" in told else []
        both.agree(f"ask {picture_file(tmp_path, seed)}")
    assert len(tries) >= 4 and max(tries) > 2
    assert_same_slots(tmp_path)


def flip_slot(card: Path, slot: int, dim: int) -> None:
    """Damages every copy of a slot's content, those in the log too: any one of them would bring it back."""
    folder = card / "bitmar_memory"
    content = (folder / "memory_slots.bin").read_bytes()[slot * dim * 2 :][: dim * 2]
    holding = [path for path in folder.rglob("*") if path.is_file() and content in path.read_bytes()]
    assert len(holding) >= 3
    for path in holding:
        path.write_bytes(path.read_bytes().replace(content, bytes(255 - byte for byte in content)))


def test_lost_names_are_a_list(both: Both, tmp_path: Path) -> None:
    for seed, name in enumerate(("red fox", "old bell", "kite")):
        both.ask(f"teach {picture_file(tmp_path, seed)} {name}")
    both.ask("mem verify")  # what is only in the log yet is written to the index and the mirror, too
    for card in ("card_pi", "card_board"):
        for slot in (0, 2):
            flip_slot(tmp_path / card, slot, both.consoles[0].device.model.episode_dim)
    pi, board = both.ask("mem verify")
    assert pi["lost"] == board["lost"] == ["red fox", "kite"]
    assert pi["report"] == board["report"]
    pi, board = both.ask("mem show")
    assert comparable(board) == comparable(pi) and [slot["name"] for slot in pi["slots"]] == ["old bell"]


def test_broken_utf8_is_replaced_alike(model: Path, tmp_path: Path) -> None:
    """A decoder with a shuffled vocabulary writes bytes that are no UTF-8."""
    shuffled = with_reversed_matrix(model, tmp_path / "model", "decoder.tflite", "decoder/embedding/weights")
    replaced = 0
    with (
        Device(model=shuffled) as device,
        contextlib.closing(open_emulator(build(shuffled).elf)) as link,
    ):
        board = Board(link)
        for seed in range(8):
            picture = seeded_picture(seed)
            expected = device.caption(picture).text
            assert board.ask(f"caption {picture_line(picture.q, picture.scale)}")["text"] == expected
            replaced += "\ufffd" in expected
    assert replaced
