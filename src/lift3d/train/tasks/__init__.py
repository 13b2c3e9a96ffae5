"""One module per trainable network: its configuration, loss, and validation metric."""
