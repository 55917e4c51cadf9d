"""The random convolution of Ulyanov & Lebedev with infinitely many filters."""
