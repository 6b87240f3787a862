"""What the experiments share: scenes, conditions, results, output, and published tables."""
