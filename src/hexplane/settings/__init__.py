"""Settings of the stages, one file each: what a stage reads of the configuration."""
