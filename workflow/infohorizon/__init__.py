"""Information Horizon: where in a vision-language model visual tokens stop mattering."""
