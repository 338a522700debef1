"""The training loop and what it reads, keeps and logs."""
