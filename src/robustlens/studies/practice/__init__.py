"""Studies of practice: attack, train, measure honestly, look at gradients."""
