"""The rules of the pure decisions as functions of the module that decides.

Each ``check`` takes a module, tries it, and raises AssertionError where a rule is broken; it returns how often each
interesting case came up, so that a test can say that the check was not vacuous. The mutation test hands them modules
that are wrong by one word.
"""
