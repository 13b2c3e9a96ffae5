"""How good a learned mapping is on shapes it has never seen, beside what it has to beat."""
