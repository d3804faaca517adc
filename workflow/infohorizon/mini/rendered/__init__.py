"""Images, questions and answers made here: what the mini models are trained for and tested on."""
