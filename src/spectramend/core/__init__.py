"""What every other package builds on: transform, masks, regions, intervals, files, threads."""
