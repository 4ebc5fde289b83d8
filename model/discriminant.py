"""Linear discriminant analysis in closed form: the baseline of the keys, and what the key head starts from."""

from __future__ import annotations

import numpy as np

SHRINKAGE = 0.3  # of the within-class covariance towards its mean variance; many numbers, few drawings of each thing


def fit(features: np.ndarray, concept: np.ndarray, dims: int, shrinkage: float = SHRINKAGE) -> np.ndarray:
    """The `dims` directions that tell concepts apart best, relative to how drawings of one concept differ (Fisher, 1936).

    Args: features: float [N, n]; concept: int [N], concepts of one drawing alone tell nothing about the spread within.
    Returns: float32 [n, dims], such that cosines are compared after `features @ matrix`.
    """
    x = np.asarray(features, np.float64)
    _, index, counts = np.unique(concept, return_inverse=True, return_counts=True)
    order = np.argsort(index, kind="stable")
    means = np.add.reduceat(x[order], np.cumsum(counts) - counts) / counts[:, None]
    within = x - means[index]
    size = x.shape[1]
    # one drawing of each: nothing is known of the spread within, so it is the same in all directions
    covariance = np.eye(size) if len(counts) == len(x) else within.T @ within / (len(x) - len(counts))
    covariance = (1 - shrinkage) * covariance + shrinkage * np.trace(covariance) / size * np.eye(size)
    values, vectors = np.linalg.eigh(covariance)
    whiten = vectors / np.sqrt(values)
    centred = (means - means.mean(0)) @ whiten
    directions = np.linalg.svd(centred, full_matrices=False)[2][:dims]
    return (whiten @ directions.T).astype(np.float32)


def rms_normalised(features: np.ndarray) -> np.ndarray:
    """Rows of unit mean square, as the key head sees them: float32 [N, n]."""
    rms = np.sqrt(np.mean(np.square(features), axis=1, keepdims=True))
    return (features / np.maximum(rms, 1e-6)).astype(np.float32)


WINDOWS = 4  # the 768 numbers are four soft quadrants of a picture, one behind the other


def window_normalised(features: np.ndarray) -> np.ndarray:
    """Rows whose WINDOWS parts are each of unit mean square: float32 [N, n]."""
    parts = features.reshape(-1, WINDOWS, features.shape[1] // WINDOWS)
    return rms_normalised(parts.reshape(-1, parts.shape[2])).reshape(features.shape)


def unit(x: np.ndarray) -> np.ndarray:
    """Rows (the last axis) of length 1, so that their products are cosines; a row of zeros stays one."""
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-9)
