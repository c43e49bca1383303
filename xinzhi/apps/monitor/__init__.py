"""The opinion monitor: dated texts, their labels in a database, trends, surge alarms, drift."""
