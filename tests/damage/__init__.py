"""Damage slides and see whether reading them ends in order.

    python -m tests.damage --seed 7 --count 1000              every format in turn
    python -m tests.damage --seed 7 --first 4711 --count 1    case 4711 again

A *case* is one slide of `tests.slides` with one damage.  It follows from the seed
and its number alone, so a failure is reproduced by the two numbers that it prints.

`fields` finds the integers of a file format, `mutations` changes bytes, `cases`
draws a case, `examine` reads a slide as programs do, `worker` does so in a process
that may die, `campaign` watches it, and `known` tells crashes of libopenslide
itself that docs/known-crashes.md describes.
"""
