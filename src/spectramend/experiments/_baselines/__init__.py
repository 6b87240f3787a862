"""Published methods that restore samples known only to an interval, to compare ours with.

Each takes samples, the least and the largest value that each of them may have (equal where it is
reliable, infinite where it is not bounded), and Hz, and returns samples within these bounds.
"""
