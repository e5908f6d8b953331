"""`python -m processor` is `sluice`.

Place in the flow: the outermost door; `cli` is behind it.
"""

from processor.cli import main

if __name__ == "__main__":
    main()
