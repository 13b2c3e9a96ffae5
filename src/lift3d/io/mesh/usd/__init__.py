"""The parts of the USDZ reader: which prims are drawn and where, implicit shapes, primvars and materials."""
