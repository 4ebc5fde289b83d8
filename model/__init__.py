"""Keras BitMar: configuration, quantizers, layers, data, training and evaluation."""
