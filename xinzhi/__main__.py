"""`python -m xinzhi` is the `xinzhi` command."""

from .cli import main

if __name__ == "__main__":
    main()
