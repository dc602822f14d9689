"""What routes cost over time, as the shards keep it: last prices, the prices of each day, and what is typical.

The history knows routes, dates and cabins. Of airports, carriers and stops it knows nothing: they narrow nothing here.
"""
