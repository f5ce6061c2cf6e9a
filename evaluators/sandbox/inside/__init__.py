"""What runs inside the sandboxes; nothing here may import anything but the standard library.

The modules are not found on a path in there: the starting process hands over their code. What runs
beside a program imports next to nothing: `typing` alone would double what a program costs.
"""

__all__: list[str] = []
