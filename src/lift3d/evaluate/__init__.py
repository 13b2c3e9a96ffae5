"""How good a learned mapping is on data that it has never seen, beside its baselines: `cases` make the test inputs,
`baselines` are what a network must beat, `scores` are the metrics, `sheets` draw the results."""
