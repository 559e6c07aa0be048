"""One intent, from wish to flat."""
