"""Recommendation: what to show a user next, from the texts of items and what the user liked."""
