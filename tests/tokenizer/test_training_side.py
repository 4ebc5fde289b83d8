"""Property: the texts that a model is trained on become the ids that the device gives the same texts."""

from __future__ import annotations

import random

from model.data.tokenizers import TextTokenizer

from . import random_text
from .conftest import Pair


def test_same_ids_in_training_and_on_the_device(pair: Pair):
    training = TextTokenizer.read(pair.json)
    assert (training.pad, training.bos, training.eos) == (pair.ours.pad, pair.ours.bos, pair.ours.eos)
    rng = random.Random(7)
    texts = [random_text.text(rng) for _ in range(1_000)]
    device = [pair.ours.encode(pair.ours.normalise(text)) for text in texts]
    assert [training.encode(text) for text in texts] == device
    batch = training.encode_batch(texts, 512)
    for row, mask, fits, ids in zip(batch.ids, batch.mask, batch.fits, device, strict=True):
        assert not fits or row[mask == 1].tolist() == [*ids, training.eos]
