"""Evaluation: seeded questions, greedy decoding, baselines, report."""
