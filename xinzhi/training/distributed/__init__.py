"""Training by several processes, each with a part of every batch (torch.distributed)."""
