"""Keras BitMar -> TensorFlow Lite flatbuffers with BITMAR_* ops, packed weights, reports."""
