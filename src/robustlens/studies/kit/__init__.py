"""What several studies share: recipes, words, sets of images, nets, attacks."""
