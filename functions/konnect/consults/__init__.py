"""Consults of a fixed length: the price is held when one is asked for, and settled by the time both were there."""
