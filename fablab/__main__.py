"""`python -m fablab` is the command `fablab`."""

from fablab.cli import main

main()
