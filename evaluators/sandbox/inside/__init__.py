"""What runs inside the sandboxes; nothing here may import anything but the standard library.

The modules are not found on a path in there: the starting process hands over their code.
"""

__all__: list[str] = []
