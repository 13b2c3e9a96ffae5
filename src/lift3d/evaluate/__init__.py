"""Evaluation of learned mappings and their baselines on the test split: `cases` has the test inputs, `baselines` the methods that
a network must surpass, `scores` the metrics, and `sheets` the pictures of results."""
