"""`python -m lift3d` is the command `lift3d`."""

from lift3d.cli import main

if __name__ == "__main__":
    main()
