"""What the results say: scores, runs, seeds, hypotheses, costs and sizes, before any is shown."""
