"""Training: batches, losses, the compiled step, schedule, checkpoints, log, plots and the run folder."""
