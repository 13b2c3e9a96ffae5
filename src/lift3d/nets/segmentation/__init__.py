"""Segmentation of volumes: the plan that states a network's sizes and its data's properties, and the 3-D U-Net that is built
from it."""
