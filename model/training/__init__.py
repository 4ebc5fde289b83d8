"""Training: batches, losses, the step, schedule, checkpoints, log, plots and the run folder."""
