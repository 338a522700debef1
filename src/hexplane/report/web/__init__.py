"""The page itself: templates, styles, scripts and the libraries they need."""
