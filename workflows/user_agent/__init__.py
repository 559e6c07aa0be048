"""One agent of one user, for as long as it runs."""
