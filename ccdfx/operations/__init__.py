"""Operations: pure functions from images to images."""
