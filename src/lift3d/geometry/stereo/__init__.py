"""Multi-view stereo: selection of source views, PatchMatch, geometric consistency between views, and propagation of depth
into weakly textured areas.
"""
