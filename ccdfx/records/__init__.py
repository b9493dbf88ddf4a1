"""What data is: immutable records of images, headers, windows and flags."""
