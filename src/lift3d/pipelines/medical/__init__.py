"""CT and MR volumes: models of what they show, their segmentation and their measures."""
