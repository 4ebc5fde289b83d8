"""What the tables of words start from instead of random numbers: codes that a position of an episode holds.

Tables of random rows have to learn how each single word is written and read; with 50,257 of them most are never learnt. Here a
word is a direction in as many dimensions as a position contributes to the episode, spread over the width by a ternary basis, and
the basis leads there and back. With the exact channel (channel.py) a text comes through before the first step, by words that
training never shows too. Rows are ternary from the start, chosen so that the basis gives the direction exactly (ternary_rows.py):
rounded number by number, half of 50,257 words would be taken for a neighbour.
"""

from __future__ import annotations

import numpy as np

from model.bitmar import BitMar
from model.training.channel import set_values
from model.training.ternary_rows import absmean_codes, ternary_rows
from model.training.word_directions import LENGTH, word_directions

SPREAD = 1.0  # root mean square of the tables' numbers: so large that a rate of .003 changes a word slowly
POSITIONS = 0.2  # of the learned positions'
NOISE = 0.3  # share of a row that is no code: room for what words have in common
AMPLIFIED = 1000.0  # what an episode says of a position: louder than the word before it and all that blocks add
GAIN = 0.3  # of the decoder's last norm: with rows of SPREAD, logits of running text start with a spread of some 3
ADDED = 0.1  # of their usual spread have the matrices whose product a block adds to its tokens (as in Fixup, Zhang et al., 2019)


def start_words(model: BitMar) -> None:
    """Give the encoder's and the decoder's table the same rows, per_position and from_position their basis.

    With classes (model/word_classes.py), class_head's rows are the centres of the regions that the classes' words lie in.
    """
    c = model.config
    rng = np.random.default_rng((c.training.seed, 8))
    width, dims = c.text_dim, c.position_features
    spread = np.linalg.qr(rng.standard_normal((width, dims)))[0] * width**0.5  # columns of unit mean square
    basis = absmean_codes(spread)
    directions, centres = word_directions(c.vocab_size, dims, c.word_classes, rng)

    near = (1 - NOISE**2) ** 0.5 * directions @ spread.T + NOISE * rng.standard_normal((c.vocab_size, width))
    length = float(np.linalg.norm(absmean_codes(near) @ basis, axis=1).mean())  # as rows have by themselves
    rows = ternary_rows(near, basis, length * directions, rng)
    size = SPREAD / rows.std()
    if centres is not None:
        rows_of_classes = ternary_rows(centres @ spread.T, basis, length / LENGTH * centres, rng)
        gain = np.mean(rows != 0) / np.mean(rows_of_classes != 0)  # absmean counts zeros too
        model.decoder.class_head.kernel.assign(size * LENGTH * gain * rows_of_classes.T)
    for part in (model.text, model.decoder):
        part.embedding.embeddings.assign(size * rows)
        # positions that the basis does not see: a word is the same wherever it stands
        shape = part.positions.embeddings.shape
        apart = ternary_rows(rng.standard_normal(shape), basis, np.zeros((shape[0], dims)), rng)
        part.positions.embeddings.assign(POSITIONS / apart.std() * apart)
    set_values(model.episode.per_position.kernel, basis)
    signs = _mirror(basis, rng)
    set_values(model.decoder.from_position.kernel, basis.T * signs, AMPLIFIED)
    model.decoder.norm.gain.assign(GAIN * signs)

    blocks = (*model.text.blocks, *model.text.fusion, *model.decoder.blocks)
    added = [matrix for block in blocks for matrix in (block.attention.out, block.feed_forward.down)]
    for matrix in (*added, *(block.condition for block in model.decoder.blocks)):
        matrix.kernel.assign(ADDED * matrix.kernel)


def _mirror(basis: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Signs of the width's numbers, with which basis^T diag(signs) basis is near zero: float64 [width].

    The head reads through them, so that a word in a token's numbers does not speak for itself as the next one, though the two
    tables are one.
    """
    signs = rng.permutation(np.where(np.arange(len(basis)) % 2, 1.0, -1.0))
    left = basis.T @ (signs[:, None] * basis)
    better = True
    while better:
        better = False
        for i, row in enumerate(basis):
            flipped = left - 2 * signs[i] * np.outer(row, row)
            if np.square(flipped).sum() < np.square(left).sum() - 1e-9:
                left, better = flipped, True
                signs[i] = -signs[i]
    return signs
