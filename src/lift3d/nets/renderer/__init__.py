"""A differentiable triangle renderer in torch with gradients for vertices, colours, light and cameras."""
