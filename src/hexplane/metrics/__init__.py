"""How near a reconstruction is to its mesh: one table of metrics, and what it reads."""
