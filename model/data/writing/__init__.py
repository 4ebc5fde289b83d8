"""Texts as people write them: persons, labels in many languages, serial numbers, punctuation, scripts, emoji, sentences."""
