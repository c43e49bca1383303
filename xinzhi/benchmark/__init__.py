"""Speed, memory, size and scores of our pipeline beside others on the same documents."""
