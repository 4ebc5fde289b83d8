"""Ahead-of-time C of an int8 vision network: a chain of inverted residual blocks, in strips of rows (kernels/, bitmar_vision.h).

- network.py: the flatbuffer's operators as blocks, every number that the kernels need
- plan.py: how many rows at a time, and what lies where in one arena
- generate.py: the constants and the C
"""
