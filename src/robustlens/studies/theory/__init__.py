"""Studies of theory: the talk's theorems, exact, with sampling beside them."""
