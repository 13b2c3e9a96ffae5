"""From one photo to other pictures of what it shows."""
