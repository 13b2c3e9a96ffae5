"""Methods that a network is compared with, behind the same interface as the network."""
