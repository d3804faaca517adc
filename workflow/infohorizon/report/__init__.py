"""Tables and figures in, one self-contained HTML page out. No torch."""
