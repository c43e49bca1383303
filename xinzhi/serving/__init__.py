"""The HTTP service: `xinzhi serve`."""
