"""The device in Python: a ternary model, its memory on a card, pictures in, names out. Needs no TensorFlow."""
