"""`python -m llmdash`."""

from llmdash.cli import main

if __name__ == "__main__":
    main(prog_name="llmdash")
