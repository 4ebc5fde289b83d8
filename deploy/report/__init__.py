"""`pipeline.py report`: what each configuration takes and gives, beside what was published of it."""
