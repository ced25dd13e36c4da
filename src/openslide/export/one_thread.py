"""Imported before NumPy, it keeps its libraries from starting threads.

They would wait for work in vain, for as many processes are at work as there are CPUs.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
