"""The data of the demo, packed for the screen."""
