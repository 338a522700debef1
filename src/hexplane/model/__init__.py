"""Codecs and bottlenecks, what they are made of, and what is said about their latents."""
