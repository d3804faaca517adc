"""How the mini models are made: tower, decoder, checkpoints, evaluation and the card."""
