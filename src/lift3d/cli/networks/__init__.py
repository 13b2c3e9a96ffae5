"""Commands about the networks themselves: what their outputs are based on, and the search for good training options."""
