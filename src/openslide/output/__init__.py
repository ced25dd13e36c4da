"""How results get to a disk, for exports of tiles, trees and single pictures alike.

    encoding     pixels to the bytes of a file; what formats can hold
    whole        bytes to a file that is there whole or not at all
    blocks       many bytes to the disk at once, without a copy in the system's memory
    undertaking  work that outlives a kill: begun, gone on with, complete
    work         the folder that it has until it is complete
    lock         one run at a time
    journal      what is done so far
    identity     which slide it is, wherever its file lies
    telling      progress, and damage in words

Nothing else in the package writes files, but for the library that makes Zarr stores,
and that in the work folder alone.
"""
