"""Everything that speaks to a product outside, one room per kind of product.

An adapter implements ports and translates what its product says into our nouns and errors.
Adapters do not know each other; all of them may use the session in `http`.
"""
