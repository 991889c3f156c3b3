"""Directions in W that change one measured attribute of a face: the teachers of expressions, shapes and age."""
