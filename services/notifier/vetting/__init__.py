"""What must not be told any more, whatever its traveller wishes."""
