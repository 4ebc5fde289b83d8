"""libbitmar.so: the kernels, the memory store, the tokenizer and the delegate in one shared object."""
