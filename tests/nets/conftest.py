"""One torch thread: the tests' pictures are small, and several test processes share the cores."""

try:
    import torch
except ImportError:
    pass
else:
    torch.set_num_threads(1)
