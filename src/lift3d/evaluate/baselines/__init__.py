"""Methods with which a network is compared, with the same interface as the network."""
