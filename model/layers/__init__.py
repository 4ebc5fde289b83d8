"""Keras layers of BitMar; one file each."""

from model.layers.attention import Attention
from model.layers.block import CrossBlock, DecoderBlock, EncoderBlock, FeedForward
from model.layers.rms_norm import RMSNorm, l2_normalize, window_normalize
from model.layers.ternary_dense import TernaryDense
from model.layers.ternary_embedding import TernaryEmbedding

__all__ = [
    "Attention",
    "CrossBlock",
    "DecoderBlock",
    "EncoderBlock",
    "FeedForward",
    "RMSNorm",
    "TernaryDense",
    "TernaryEmbedding",
    "l2_normalize",
    "window_normalize",
]
