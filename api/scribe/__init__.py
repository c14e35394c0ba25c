"""The scribe: a second process that reads and writes for the engine while a burst of taps lasts.

One interpreter runs one thread at a time, and of what a large batch costs only a third is the
engine's work. The rest needs no state: to turn the bytes of a body into taps, to append decided
rows to the ledger, to write the text of the answers. The scribe does that on another core.

It is no server: nobody but the process that serves speaks to it, it keeps nothing, and all that
it does can be done without it. It is started by the first burst, and a burst that finds none goes
the way of all other taps. It ends with the process that serves, however that ends; it shares the
lock of the data directory, so no other process opens a ledger that it may still write to.

Between the two lies shared memory in slots (`slots`): an order stands in a slot, its result takes
the same place, and a frame of eight bytes over a socket says whose turn it is.
"""
