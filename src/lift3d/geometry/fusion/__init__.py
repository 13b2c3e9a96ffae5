"""Depth maps to one surface: the layout of the capture, the points of the object, the truncated signed distance
field, the membrane that closes unobserved parts, and the support plane.
"""
