"""Where shapes come from: one module per source, each with the class of `entry.Source`."""
