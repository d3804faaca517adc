"""A pretrained language model behind the mini models' vision tower: fetched, opened, adapted and put together."""
