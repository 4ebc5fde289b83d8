"""Pictures, names and phrases: download, rendering, 768-d features, splits, tokenizers."""
