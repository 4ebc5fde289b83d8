"""Everything that a model computes on 64 pictures and all that it writes to a card, as digests.

    python digest.py MODEL CARD [COUNT]

Teaches every picture's first drawing (a memory of 16 slots: later ones evict earlier ones), asks its second one, decodes
eight teacher-forced steps with the memory's read-out, and greedily for every eighth. Prints JSON. Needs the app and NumPy:
it runs in every environment that the tests compare, with the kernels' variant $BITMAR_ISA if that is set. Time stands
still and the salt is given, so the card's files are comparable byte for byte.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import sys
from pathlib import Path

from bitmar.device import memory_shape
from bitmar.engine import Engine, Picture
from bitmar.memory import FOLDER, Memory
from bitmar.model_folder import read_model
from bitmar.native import library
from bitmar.tokenizer import Tokenizer

sys.path.insert(0, str(Path(__file__).parent))
from things import COUNT, things

SLOTS = 16
STEPS = 8
NOON = 1_750_000_000


def main() -> None:
    if isa := os.environ.get("BITMAR_ISA"):
        assert library.load().bm_isa_select(isa.encode()) == 0, f"no {isa} here"
    model = read_model(Path(sys.argv[1]))
    card = Path(sys.argv[2])
    engine = Engine(model)
    tokenizer = Tokenizer(model.path / "tokenizer.bin", library.load())
    count = int(sys.argv[3]) if len(sys.argv) > 3 else COUNT
    answers, texts, slots = [], [], []
    with Memory(card, memory_shape(model, None, SLOTS), clock=lambda: NOON, salt=1) as memory:
        for i, thing in enumerate(things(count)):
            told = tokenizer.encode(thing.name)
            episode = engine.encode(told, Picture(*thing.taught))
            memory.teach(thing.name, episode.episode, episode.key)
            seen = engine.encode([], Picture(*thing.asked))
            recalled = memory.recall(seen.query, model.top_k)
            context = engine.recall(recalled.scores, recalled.values, recalled.mask)
            digest = hashlib.sha256()
            for step in itertools.islice(engine.steps(context, seen.latent, told), STEPS):
                digest.update(step.ids.astype("<i4").tobytes() + step.logits.astype("<f4").tobytes())
            answers.append(digest.hexdigest()[:16])
            slots.append(int(recalled.slots[0]))
            if i % 8 == 0:
                texts.append(tokenizer.decode(engine.answer(context, seen.latent)))
    files = {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted((card / FOLDER).iterdir()) if p.is_file()
    }
    found = {"answers": answers, "slots": slots, "texts": texts, "files": files}
    print(json.dumps(found | {"isa": library.load().bm_isa().decode(), "runtime": engine.runtime}))


if __name__ == "__main__":
    main()
