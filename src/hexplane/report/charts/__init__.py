"""Charts: Plotly figures of the page, still ones beside it."""
