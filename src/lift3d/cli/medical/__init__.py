"""Commands for CT and MR volumes: models of what they show, segmentation and measures."""
