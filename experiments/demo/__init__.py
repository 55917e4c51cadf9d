"""What comes with the package to be heard at once: two pieces, and the page of what methods make of them."""
