"""Tables in, matplotlib figures out: one pure function a figure, one style for all. No torch."""
