"""Compare this package with openslide-python itself.

The two install a package of the same name, so openslide-python runs in a process
of its own, the *oracle*: `worker.py`, started by `client.py` in an environment
that has it.  `script.py` is what both processes execute; a test asks for the
same lines of Python to be run on either side and compares what they gave.
"""
