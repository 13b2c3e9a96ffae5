"""Image operations: colour spaces, pyramids, guided filter, random walker, cropping and masked crops."""
