"""Whole networks: what is to be made of every unit, and how it gets made, whatever happens on the way."""
