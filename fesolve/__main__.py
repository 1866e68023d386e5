"""`python -m fesolve`, for the command `fesolve`."""

from .cli import main


if __name__ == "__main__":
    main()
