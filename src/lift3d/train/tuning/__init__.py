"""The search of good options for a training run: many short runs, whose options Optuna chooses (Akiba et al. 2019), in a study
that several processes may share and that goes on after it was stopped."""
