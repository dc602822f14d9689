"""What fares cost now, from the boards, and what they cost last, from the history."""
