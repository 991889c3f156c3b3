"""Related words, from word vectors and dictionaries."""
