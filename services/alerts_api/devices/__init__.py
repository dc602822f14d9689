"""Where pushes go."""
