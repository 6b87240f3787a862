"""Published experiments, a module each, that print their tables again."""
