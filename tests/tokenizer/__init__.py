"""The C tokenizer against Hugging Face's, its table format, and damaged tables."""
