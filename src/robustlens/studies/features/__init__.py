"""Studies of features: what nets learn, by training on constructed data."""
