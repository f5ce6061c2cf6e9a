"""`python -m graphsearch.cli`."""

from graphsearch.cli import main

if __name__ == "__main__":
    main()
