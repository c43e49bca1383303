"""A library like xinzhi in small, for the packaging tests."""
