"""Errors that a person can mend.

Here: their common base, which the command line prints as one sentence.
Add here: nothing; derive from it where the error belongs.
Keep out: errors of the program itself, which keep their traceback.
"""


class UserError(Exception):
    """What is wrong and what to do, in one plain sentence."""
