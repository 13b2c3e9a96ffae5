"""Training of the learned mappings: one training loop (`engine`) with checkpoints and a log, the registry of training tasks,
`tasks` with one module per network, and `data` with their datasets."""
