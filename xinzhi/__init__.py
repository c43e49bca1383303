"""xinzhi: annotated Chinese and English text in, a fast installable spaCy model out."""

__version__ = "0.1.0"
