"""BitMar on a Raspberry Pi (or any Linux): runtime, memory card, console. Needs no TensorFlow."""
