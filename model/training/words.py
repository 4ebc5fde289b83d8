"""What the tables of words start from instead of random numbers: codes that a position of an episode can hold.

Tables of random rows have to learn how each single word is written and read; with 50,257 of them most are never learnt. Here a
word is a direction in as many dimensions as a position contributes to the episode, and the matrices on the way start as the
basis that leads there and back. What remains to be learnt is the same for every word, those that training never shows included.

What the blocks add starts small (as in Fixup, Zhang et al., 2019), or it would drown what they are to hand on.
"""

from __future__ import annotations

import keras
import numpy as np

from model.bitmar import BitMar
from model.discriminant import unit
from model.word_classes import WordClasses

SPREAD = 0.3  # root mean square of the tables' numbers
POSITIONS = 0.06  # of the learned positions': little beside the words they are added to
NOISE = 0.3  # share of a row that is no code, in all dimensions: room for what words have in common
AMPLIFIED = 12.0  # what an episode says of a position, beside the word before it, to which it is added
CONE = 35.0  # degrees around its centre in which a class's words lie
CLASS_LENGTH = 1.4  # of a centre beside a word's: at more than acos(1 / 1.4) from it, a word of the shortlist wins
CANDIDATES = 8  # directions drawn for a word of the shortlist; the one farthest from all centres is kept
ADDED = 0.1  # of their usual spread have the matrices whose product a block adds to its tokens


def start_words(model: BitMar) -> None:
    """Give the encoder's and the decoder's table the same rows, per_position and from_position their basis.

    With classes (model/word_classes.py), class_head's rows are the centres of cones that the classes' words lie in.
    """
    c = model.config
    rng = np.random.default_rng((c.training.seed, 8))
    width, dims = c.text_dim, min(c.position_features, c.text_dim)
    basis = np.linalg.qr(rng.standard_normal((width, dims)))[0] * width**0.5  # columns of unit mean square
    codes = unit(rng.standard_normal((c.vocab_size, dims)))
    if classes := c.word_classes:
        centres = _far_apart(classes.count, dims, rng)
        codes = _in_classes(centres, classes, rng)
        model.decoder.class_head.kernel.assign(SPREAD * CLASS_LENGTH * basis @ centres.T)
    rows = (1 - NOISE**2) ** 0.5 * codes @ basis.T + NOISE * rng.standard_normal((c.vocab_size, width))
    for part in (model.text, model.decoder):
        part.embedding.embeddings.assign(SPREAD * rows)
        part.positions.embeddings.assign(POSITIONS * rng.standard_normal(part.positions.embeddings.shape))
    _point(model.episode.per_position.kernel, basis, 1.0)
    _point(model.decoder.from_position.kernel, basis.T, AMPLIFIED)
    blocks = (*model.text.blocks, *model.text.fusion, *model.decoder.blocks)
    added = [matrix for block in blocks for matrix in (block.attention.out, block.feed_forward.down)]
    for matrix in (*added, *(block.condition for block in model.decoder.blocks)):
        matrix.kernel.assign(ADDED * matrix.kernel)


def _point(kernel: keras.Variable, basis: np.ndarray, factor: float) -> None:
    """`factor` times the kernel's spread, along the basis; features beyond the width stay as they are."""
    values = kernel.numpy()
    spread = values.std()
    values[: basis.shape[0], : basis.shape[1]] = factor * spread * basis
    kernel.assign(values)


def _far_apart(count: int, dims: int, rng: np.random.Generator) -> np.ndarray:
    """float64 [count, dims]: unit vectors that have pushed each other away."""
    points = unit(rng.standard_normal((count, dims)))
    for _ in range(500):
        near = np.exp(8 * (points @ points.T - 2 * np.eye(count)))
        points = unit(points - 0.05 * near @ points / near.sum(1, keepdims=True))
    return points


def _in_classes(centres: np.ndarray, classes: WordClasses, rng: np.random.Generator) -> np.ndarray:
    """Codes of all words, float64 [V, dims]: a class's in the cone around its centre, the shortlist's far from all cones."""
    dims, first = centres.shape[1], classes.shortlist
    drawn = unit(rng.standard_normal((CANDIDATES, first, dims)))
    farthest = (drawn @ centres.T).max(-1).argmin(0)
    spread = np.tan(np.radians(CONE)) / dims**0.5
    of = classes.of(np.arange(first, classes.vocab_size))
    within = centres[of] + spread * rng.standard_normal((len(of), dims))
    return np.concatenate([drawn[farthest, np.arange(first)], unit(within)])
