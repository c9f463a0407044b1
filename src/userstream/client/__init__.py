"""The trader's and the publisher's side."""
