"""The benchmark: synthetic shipments, the product and its peers on them, and the page that tells the result.

Here: `make bench`. README.md says what is measured, what every peer has to do, and what is left out.
Add here: a measurement (`measure.py`), a peer (`peers/`), a column of the shipments contract (`synthetic.py`).
Keep out: anything that the product needs.
"""
