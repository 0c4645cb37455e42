"""What can be typed: the commands with their flags and their help, without what does the work."""
