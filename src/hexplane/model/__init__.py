"""The network: encoder, bottleneck, decoder, signed-distance field and their losses."""
